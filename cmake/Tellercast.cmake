# How every library, program and test of this project is built.

include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(TELLERCAST_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")
option(TELLERCAST_FUZZ "Build the fuzz targets for libFuzzer (clang only)" OFF)
option(TELLERCAST_FAILURE_POINTS "Compile in the places where the fault tests can kill a program" OFF)
if(TELLERCAST_FUZZ)
    set(TELLERCAST_SANITIZE fuzzer-no-link,address,undefined)
endif()

# What all of this project is compiled and linked with. Whether a warning is an error, the presets say
# (CMAKE_COMPILE_WARNING_AS_ERROR).
add_library(tellercast_flags INTERFACE)
target_compile_definitions(tellercast_flags INTERFACE _GNU_SOURCE TELLERCAST_VERSION="${PROJECT_VERSION}"
    $<$<BOOL:${TELLERCAST_FAILURE_POINTS}>:TELLERCAST_FAILURE_POINTS>)
target_compile_options(tellercast_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wformat=2 -Wvla -fstack-protector-strong -fno-omit-frame-pointer)
target_link_options(tellercast_flags INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro,-z,now)

if(TELLERCAST_SANITIZE)
    target_compile_options(tellercast_flags INTERFACE -fsanitize=${TELLERCAST_SANITIZE} -fno-sanitize-recover=all)
    if(CMAKE_C_COMPILER_ID STREQUAL GNU) # it misjudges the flow of instrumented code
        target_compile_options(tellercast_flags INTERFACE -Wno-format-truncation -Wno-maybe-uninitialized)
    endif()
    target_link_options(tellercast_flags INTERFACE -fsanitize=${TELLERCAST_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_options(tellercast_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

foreach(package IN ITEMS jansson libsodium yaml-0.1 libpq hiredis libmicrohttpd libcurl cjose libmosquitto openssl libcrypto libsystemd)
    pkg_check_modules(${package} REQUIRED IMPORTED_TARGET ${package})
endforeach()
find_package(OpenSSL REQUIRED) # the package of paho names its targets
find_package(eclipse-paho-mqtt-c REQUIRED)
if(BUILD_TESTING)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()

# tellercast_archive(NAME SOURCES ... LINKS ... PRIVATE_LINKS ...): a static library. Others include its headers by their
# path from the top: "topics/topic.h".
function(tellercast_archive name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;PRIVATE_LINKS")
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE tellercast_flags ${arg_PRIVATE_LINKS})
endfunction()

# tellercast_executable(NAME SOURCES ... LINKS ...): a program.
function(tellercast_executable name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE tellercast_flags ${arg_LINKS})
endfunction()

# tellercast_library(NAME LINKS ... PRIVATE_LINKS ... SOURCES ...): the folder's *.c files, and further sources, as a
# static library.
function(tellercast_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS;PRIVATE_LINKS;SOURCES")
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    tellercast_archive(${name} SOURCES ${sources} ${arg_SOURCES} LINKS ${arg_LINKS} PRIVATE_LINKS ${arg_PRIVATE_LINKS})
endfunction()

# tellercast_program(NAME LINKS ...): an installed program of the folder's *.c files.
function(tellercast_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS")
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    tellercast_executable(${name} SOURCES ${sources} LINKS ${arg_LINKS})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# tellercast_manual(NAME SECTION SUMMARY [SETTINGS] [SCRIPT FILE]): the installed manual page of a program, which the program itself
# makes: from its --help, and with SETTINGS also from its --print-config. SCRIPT: it is this file and no target.
function(tellercast_manual name section summary)
    cmake_parse_arguments(PARSE_ARGV 3 arg "SETTINGS" "SCRIPT" "")
    find_program(SCDOC scdoc REQUIRED)
    set(page ${CMAKE_CURRENT_BINARY_DIR}/made/${name}.${section})
    set(program $<TARGET_FILE:${name}>)
    set(needs ${name})
    if(arg_SCRIPT)
        set(program ${arg_SCRIPT})
        set(needs ${arg_SCRIPT})
    endif()
    add_custom_command(
        OUTPUT ${page}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/made
        COMMAND ${CMAKE_COMMAND} -DPROGRAM=${program} -DNAME=${name} -DSECTION=${section} -DSUMMARY=${summary}
            -DSETTINGS=${arg_SETTINGS} -DOUTPUT=${page}.scd -P ${PROJECT_SOURCE_DIR}/cmake/Manual.cmake
        COMMAND ${SCDOC} < ${page}.scd > ${page}
        DEPENDS ${needs} ${PROJECT_SOURCE_DIR}/cmake/Manual.cmake
        VERBATIM)
    add_custom_target(manual_of_${name} ALL DEPENDS ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endfunction()

# tellercast_module(NAME SOURCES ... LINKS ...): an installed module NAME.so that another program loads.
function(tellercast_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
    add_library(${name} MODULE ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE tellercast_flags ${arg_LINKS})
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
    install(TARGETS ${name} LIBRARY DESTINATION lib/tellercast)
endfunction()

# tellercast_unit_test(NAME LINKS ...): NAME.c as a cmocka program, run by ctest.
function(tellercast_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS")
    tellercast_executable(${name} SOURCES ${name}.c LINKS ${arg_LINKS} PkgConfig::cmocka)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 FAIL_REGULAR_EXPRESSION "Running 0 test")
endfunction()
