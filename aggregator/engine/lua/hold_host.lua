-- Leaves a host alone until a time; never shortens what is held. KEYS: host. ARGV: now, until.
local now, until_ms = now_ms(take()), take()
local bad = wrong_type({ { KEYS[1], 'hash' } })
if bad then
  return redis.error_reply(bad)
end
hold_host(KEYS[1], until_ms, now)
return 'done'
