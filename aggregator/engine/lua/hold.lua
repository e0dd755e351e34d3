-- Notes why the event stage waits, or that it goes on, and tells it when that changes.
-- KEYS: leader, held, trouble. ARGV: token, reason ('' = it goes on), number of notices, these.
-- Answers told, same (nothing to tell), or stale.
local token, reason = take(), take()
local bad = wrong_type({ { KEYS[1], 'hash' }, { KEYS[2], 'string' }, { KEYS[3], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local notices = take_notices(tonumber(take()))
if redis.call('HGET', KEYS[1], 'token') ~= token then
  return 'stale'
end
local was_held = redis.call('EXISTS', KEYS[2]) == 1
local changes = was_held ~= (reason ~= '')
if changes then
  tell(KEYS[3], notices)
end
if reason ~= '' then
  redis.call('SET', KEYS[2], reason)
elseif was_held then
  redis.call('DEL', KEYS[2])
end
return changes and 'told' or 'same'
