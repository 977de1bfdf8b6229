/* SPDX-License-Identifier: MIT */
/*
 * Tells AddressSanitizer about our stacks, around the real switch.S.
 *
 * The program is linked with switch.flags, so that thread.c's calls come here. What thread.c
 * takes for a stack pointer is a struct fiber, which stands at the top of that stack.
 */
#include <stdint.h>
#include <string.h>

#include "core/x86/switch.h"
#include "test/fake/fake.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
{
	(void)save, (void)bottom, (void)size;
}
static void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size)
{
	(void)save, (void)bottom, (void)size;
}
static void __asan_unpoison_memory_region(const volatile void *addr, size_t size)
{
	(void)addr, (void)size;
}
#endif

struct fiber {
	void *sp;           /* the real one */
	const void *bottom; /* of what the stack may use */
	size_t size;
	void *shadow;       /* the sanitizer's own */
	void (*entry)(void);
};

void *__real_switch_prepare(void *stack, size_t len, void (*entry)(void));
void __real_switch_to(void **save, void *load);
_Noreturn void __real_switch_end(void *load);
void *__wrap_switch_prepare(void *stack, size_t len, void (*entry)(void));
void __wrap_switch_to(void **save, void *load);
_Noreturn void __wrap_switch_end(void *load);

static struct fiber boot, *current = &boot, *previous;

/* The other half of a switch: on the new stack, whose sanitizer state was saved in shadow. */
static void arrived(void *shadow)
{
	const void *bottom = NULL;
	size_t size = 0;

	__sanitizer_finish_switch_fiber(shadow, &bottom, &size);
	if (previous == &boot) { /* the process's own stack: this is how its bounds are learnt */
		boot.bottom = bottom;
		boot.size = size;
	}
}

static void enter(void)
{
	arrived(NULL);
	current->entry();
}

void *__wrap_switch_prepare(void *stack, size_t len, void (*entry)(void))
{
	uintptr_t top = ((uintptr_t)stack + len - sizeof(struct fiber)) & ~(uintptr_t)63;
	struct fiber *f = (struct fiber *)top;

	/* The last thread here may have ended deep in calls, whose red zones are still marked. */
	__asan_unpoison_memory_region(stack, len);
	memset(f, 0, sizeof(*f));
	f->bottom = stack;
	f->size = top - (uintptr_t)stack;
	f->entry = entry;
	f->sp = __real_switch_prepare(stack, f->size, enter);
	return f;
}

void __wrap_switch_to(void **save, void *load)
{
	struct fiber *self = current, *next = load;

	*save = self;
	previous = self;
	current = next;
	__sanitizer_start_switch_fiber(&self->shadow, next->bottom, next->size);
	__real_switch_to(&self->sp, next->sp);
	arrived(self->shadow);
}

_Noreturn void __wrap_switch_end(void *load)
{
	struct fiber *next = load;

	previous = current;
	current = next;
	__sanitizer_start_switch_fiber(NULL, next->bottom, next->size);
	__real_switch_end(next->sp);
}

void fake_stack_leave(const void *stack, size_t size)
{
	__sanitizer_start_switch_fiber(NULL, stack, size);
}

void fake_stack_arrive(void)
{
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
}
