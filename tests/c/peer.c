/* The other side of tests/it/block.rs: shared memory in nobody's words but POSIX's.
 *
 *   peer create NAME COUNT   makes it, and sizes it when told to go on
 *   peer open NAME COUNT     opens it
 *
 * Either way it adds to each number its index, says "added", and when told to go on says the sum. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void demand(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		exit(1);
	}
}

static void say(const char *word)
{
	demand(puts(word) >= 0 && fflush(stdout) == 0, "say");
}

static void wait_for_a_line(void)
{
	char line[8];

	demand(fgets(line, sizeof line, stdin) != NULL, "listen");
}

int main(int argc, char **argv)
{
	demand(argc == 4, "usage");
	int creates = strcmp(argv[1], "create") == 0;
	size_t count = strtoul(argv[3], NULL, 10), len = count * sizeof(uint32_t);
	int fd = shm_open(argv[2], creates ? O_CREAT | O_EXCL | O_RDWR : O_RDWR, 0600);
	demand(fd >= 0, "shm_open");
	if (creates) {
		say("made");
		wait_for_a_line();
		demand(ftruncate(fd, (off_t)len) == 0, "ftruncate");
	}

	struct stat facts;
	demand(fstat(fd, &facts) == 0 && (size_t)facts.st_size == len, "fstat");
	uint32_t *numbers = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	demand(numbers != MAP_FAILED, "mmap");
	for (size_t i = 0; i < count; i++)
		numbers[i] += i;
	say("added");

	wait_for_a_line();
	unsigned long sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += numbers[i];
	printf("%lu\n", sum);
	return 0;
}
