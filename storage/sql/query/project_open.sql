-- What a projector's connection needs before its statements can be prepared.
SELECT open_projector()
