#include "clients/agent/program.h"

int main(int argument_count, char **arguments)
{
    return program_run("tellercast-node", ROLE_NODE, argument_count, arguments);
}
