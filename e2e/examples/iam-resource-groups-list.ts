import Cloudflare from 'cloudflare';

const client = new Cloudflare({
  apiToken: process.env['CLOUDFLARE_API_TOKEN'], // This is the default and can be omitted
});

// Automatically fetches more pages as needed.
for await (const resourceGroupListResponse of client.iam.resourceGroups.list({
  account_id: '023e105f4ecef8ad9ca31a8372d0c353',
})) {
  console.log(resourceGroupListResponse.id);
}
