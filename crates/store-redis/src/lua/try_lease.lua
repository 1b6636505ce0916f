-- ARGV: the holder, the length in microseconds. Answers {'absent'}, {'held', remaining}, {'paused', remaining} or
-- {'granted', version, record, unsettled}.
local session, fault = read_session()
if fault then
  return fault
end
if not session then
  return { 'absent' }
end
local time = now()
local noted = session.ends
settle(session, time)
if session.ends and session.holder ~= ARGV[1] then
  if session.ends ~= noted then
    write_claim(session)
  end
  return { session.holder and 'held' or 'paused', text(session.ends - time) }
end
local record = redis.call('HGET', KEYS[1], 'record')
claim(session, ARGV[1], tonumber(ARGV[2]), time)
write_claim(session)
return { 'granted', session.version, record, text(session.unsettled) }
