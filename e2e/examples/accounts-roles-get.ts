import Cloudflare from 'cloudflare';

const client = new Cloudflare({
  apiEmail: process.env['CLOUDFLARE_EMAIL'], // This is the default and can be omitted
  apiKey: process.env['CLOUDFLARE_API_KEY'], // This is the default and can be omitted
});

const role = await client.accounts.roles.get('3536bcfad5faccb999b47003c79917fb', {
  account_id: '023e105f4ecef8ad9ca31a8372d0c353',
});

console.log(role.id);
