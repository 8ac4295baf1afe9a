#include "clients/agent/program.h"

int main(int argument_count, char **arguments)
{
    return program_run("tellercast-pull", ROLE_PULL, argument_count, arguments);
}
