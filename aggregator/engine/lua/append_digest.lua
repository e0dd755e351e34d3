-- Appends a digest once. KEYS: digest, gate. ARGV: ms to keep the gate, channel, payload, fields….
local bad = wrong_type({ { KEYS[1], 'stream' }, { KEYS[2], 'string' } })
if bad then
  return redis.error_reply(bad)
end
local keep_ms, channel, payload = take(), take(), take()
if redis.call('EXISTS', KEYS[2]) == 1 then
  return 'repeated'
end
redis.call('SET', KEYS[2], '1', 'PX', keep_ms)
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 4))
redis.call('PUBLISH', channel, payload)
return 'done'
