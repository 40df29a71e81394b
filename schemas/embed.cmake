# Writes files into a C++ source as string_views. Run at build time:
# embed.cmake -DOUT=<stem> -DHEADER=<how it is included> -DNAMESPACE=<of the views> -DFILES=<a;b>
set(declarations "")
set(definitions "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} identifier)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND declarations "extern const std::string_view ${identifier};\n")
  string(APPEND definitions "constexpr char ${identifier}_bytes[] = {${bytes}'\\0'};\n"
    "const std::string_view ${identifier}(${identifier}_bytes, sizeof ${identifier}_bytes - 1);\n")
endforeach()
set(banner "// Made by schemas/embed.cmake.\n")
file(WRITE ${OUT}.h "${banner}#pragma once\n#include <string_view>\nnamespace ${NAMESPACE} {\n${declarations}}\n")
file(WRITE ${OUT}.cpp "${banner}#include \"${HEADER}\"\nnamespace ${NAMESPACE} {\n${definitions}}\n")
