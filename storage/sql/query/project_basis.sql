-- What money and days are counted in: $1 currency, $2 its decimals, $3 zone. False: ask again.
SELECT rebase($1::text, $2::int, $3::text)
