-- ARGV: the holder, the length in microseconds. Answers 1 if the lease goes on, 0 if it is lost.
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
claim(session, ARGV[1], tonumber(ARGV[2]), time)
write_claim(session)
return 1
