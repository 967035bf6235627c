# cmake -DIN=file -DOUT=header -DNAME=symbol -P embed.cmake: the file's bytes as a C array.
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "static const unsigned char ${NAME}[] = {${bytes}};\n")
