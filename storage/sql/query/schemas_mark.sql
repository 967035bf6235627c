-- Changes whenever a registration becomes visible: ids alone may commit out of order.
SELECT count(*), coalesce(max(id), 0) FROM event_schemas
