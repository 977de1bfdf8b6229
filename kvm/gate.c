/* SPDX-License-Identifier: MIT */
#include "kvm/gate.h"

/*
 * Ring 3's side of KVM's part of the gate (gate.S).
 */

#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "kvm/kvm.h"

bool gate_deadline_mode(void)
{
	return cpu_id_checked(1).ecx >> 24 & 1;
}

bool gate_start_timer(void)
{
	bool deadlines = gate_deadline_mode();

	gate_call(GATE_CALL_TIMER, deadlines ? GATE_TIMER_DEADLINE : 0, 0, 0);
	return deadlines;
}

void gate_wait(uint64_t timer)
{
	gate_call(GATE_CALL_WAIT, timer, 0, 0);
}

int gate_msr(uint32_t msr, uint64_t value)
{
	return (int)gate_call(GATE_CALL_MSR, msr, value, 0);
}

_Noreturn void gate_reset(void)
{
	for (;;)
		gate_call(GATE_CALL_RESET, 0, 0, 0);
}
