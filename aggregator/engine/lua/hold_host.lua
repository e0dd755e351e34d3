-- Leaves hosts alone until a time each; never shortens what is held. KEYS: hosts. ARGV, of each host: now, until.
-- Answers done or an error for each.
local answers = {}
for place, key in ipairs(KEYS) do
  local now, until_ms = now_ms(take()), take()
  local bad = wrong_type({ { key, 'hash' } })
  if bad then
    answers[place] = redis.error_reply(bad)
  else
    hold_host(key, until_ms, now)
    answers[place] = 'done'
  end
end
return answers
