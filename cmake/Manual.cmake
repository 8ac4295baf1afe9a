# Writes the manual page of a program in the format of scdoc: from its --help, and with SETTINGS also from its --print-config.
# Variables: PROGRAM (its file), NAME, SECTION, SUMMARY, SETTINGS, OUTPUT.
function(ask option result)
    execute_process(COMMAND ${PROGRAM} ${option} OUTPUT_VARIABLE text RESULT_VARIABLE code)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR "${PROGRAM} ${option}: exit code ${code}")
    endif()
    string(STRIP "${text}" text)
    set(${result} "${text}" PARENT_SCOPE)
endfunction()

ask(--help help)
string(REPLACE "-" "\\-" escaped "${NAME}")
set(page "${NAME}(${SECTION})\n\n# NAME\n\n${escaped} - ${SUMMARY}\n\n# DESCRIPTION\n\n```\n${help}\n```\n")
if(SETTINGS)
    ask(--print-config settings)
    string(APPEND page "\n# SETTINGS\n\nThe settings, and what each has when the file omits it, as *${escaped} \\-\\-print\\-config* prints them:\n\n"
        "```\n${settings}\n```\n")
endif()
string(APPEND page "\n# SEE ALSO\n\n*tellercast*(1)\n")
file(WRITE ${OUTPUT} "${page}")
