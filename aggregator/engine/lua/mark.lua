-- Sets the mark of the installation where the one before still stands, and tells of it. KEYS: installation, trouble.
-- ARGV: mark before ('' = none), new mark, number of notices, these. Answers the mark that stands.
local before, fresh = take(), take()
local bad = wrong_type({ { KEYS[1], 'string' }, { KEYS[2], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local notices = take_notices(tonumber(take()))
local stands = redis.call('GET', KEYS[1]) or ''
if stands ~= before then
  return stands
end
redis.call('SET', KEYS[1], fresh)
tell(KEYS[2], notices)
return fresh
