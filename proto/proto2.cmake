# cmake -DFROM=dir -DTO=dir -P proto2.cmake: copies every .proto with its syntax line changed to proto2.
file(GLOB_RECURSE files RELATIVE ${FROM} ${FROM}/*.proto)
foreach(f IN LISTS files)
  file(READ ${FROM}/${f} text)
  string(REPLACE "syntax = \"proto3\";" "syntax = \"proto2\";" text "${text}")
  file(WRITE ${TO}/${f} "${text}")
endforeach()
