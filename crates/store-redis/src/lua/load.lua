-- Answers {} or {version, record}.
local session, fault = read_session()
if fault then
  return fault
end
if not session then
  return {}
end
return { session.version, redis.call('HGET', KEYS[1], 'record') }
