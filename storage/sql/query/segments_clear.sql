-- Customers without an order in the 12 months up to the business day $1.
DELETE FROM customer_segments WHERE as_of <> $1::date
