-- Forgets a queue that is no longer configured, when it is empty. KEYS: queue, queues. ARGV: name. Answers 1 if it was.
local kind = redis.call('TYPE', KEYS[1]).ok
local bad = wrong_type({ { KEYS[2], 'set' } })
if bad then
  return redis.error_reply(bad)
end
if kind == 'list' or (kind == 'stream' and redis.call('XLEN', KEYS[1]) > 0) then
  return 0
end
if kind == 'stream' then
  redis.call('DEL', KEYS[1])
end
redis.call('SREM', KEYS[2], ARGV[1])
return 1
