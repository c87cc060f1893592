curl https://api.cloudflare.com/client/v4/accounts/$ACCOUNT_ID/iam/permission_groups \
    -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN"
