import Cloudflare from 'cloudflare';

const client = new Cloudflare({
  apiToken: process.env['CLOUDFLARE_API_TOKEN'], // This is the default and can be omitted
});

const resourceGroup = await client.iam.resourceGroups.create({
  account_id: '023e105f4ecef8ad9ca31a8372d0c353',
  name: 'NewResourceGroup',
  scope: {
    key: 'com.cloudflare.api.account.eb78d65290b24279ba6f44721b3ea3c4',
    objects: [{ key: 'com.cloudflare.api.account.zone.23f8d65290b24279ba6f44721b3eaad5' }],
  },
});

console.log(resourceGroup.id);
