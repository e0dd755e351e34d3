-- Replaces a field of a hash if it still holds `before` ('' = nothing) by `after` ('' = take it away); done twice is done.
-- KEYS: hash. ARGV: field, before, after. Answers 1, or 0 when something else stands there.
local field, before, after = take(), take(), take()
own(KEYS[1], 'hash')
local stands = redis.call('HGET', KEYS[1], field) or ''
if stands == after then
  return 1
elseif stands ~= before then
  return 0
elseif after == '' then
  redis.call('HDEL', KEYS[1], field)
else
  redis.call('HSET', KEYS[1], field, after)
end
return 1
