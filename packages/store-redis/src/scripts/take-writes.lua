#!lua
-- Does nothing. Redis runs it where it takes writes, and says why it does not elsewhere: on a replica that is read-only,
-- while its disk is broken, without the replicas that it has to have.
--
-- Reply  'OK'
return 'OK'
