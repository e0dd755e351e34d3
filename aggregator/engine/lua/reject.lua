-- Takes an entry off the entries stream that cannot be published, and tells the operator.
-- KEYS: leader, entries, trouble. ARGV: token, stream id, number of notices, these. Answers done, repeated or stale.
local token, stream_id = take(), take()
local bad = wrong_type({ { KEYS[1], 'hash' }, { KEYS[2], 'stream' }, { KEYS[3], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local notices = take_notices(tonumber(take()))
if redis.call('HGET', KEYS[1], 'token') ~= token then
  return 'stale'
elseif #redis.call('XRANGE', KEYS[2], stream_id, stream_id) == 0 then
  return 'repeated'
end
tell(KEYS[3], notices)
redis.call('XDEL', KEYS[2], stream_id)
return 'done'
