-- Finds the commands that the user of the connection may not run.
--
-- ARGV[1]  JSON: a list of commands, each a list of its name and arguments
-- Reply    the positions of those that are forbidden, from 1
local forbidden = {}
if not redis.acl_check_cmd then return forbidden end
for i, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then forbidden[#forbidden + 1] = i end
end
return forbidden
