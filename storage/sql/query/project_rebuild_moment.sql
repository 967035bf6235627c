-- Before anything else of the transaction: all its statements see one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
