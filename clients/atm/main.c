#include "clients/agent/program.h"

int main(int argument_count, char **arguments)
{
    return program_run("tellercast-atm", ROLE_ATM, argument_count, arguments);
}
