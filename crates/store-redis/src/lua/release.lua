-- ARGV: the holder, the length of the pause in microseconds, '1' if the attempt is unsettled. Answers 1 if the lease
-- was the holder's.
local session, fault = read_session()
if fault then
  return fault
end
if not session then
  return 0
end
local time = now()
settle(session, time)
if session.holder ~= ARGV[1] then
  return 0
end
if ARGV[3] == '1' then
  count_unsettled(session)
end
claim(session, nil, tonumber(ARGV[2]), time)
write_claim(session)
return 1
