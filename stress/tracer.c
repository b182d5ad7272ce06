/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * tracer.c - a process, an instruction at a time, by ptrace(2).
 *
 * All processes of a world are forks of one, without exec, so that their code lies at the same
 * addresses: the tracer reads the next instruction of a tracee in its own memory.  It decodes just
 * enough of it to tell whether it may touch the shared segment, as processes influence
 * each other only there: a process that is stopped between two such instructions might as well
 * be stopped just before the second.
 *
 * trace_copy() makes the tracee run clone(2), so that there are two processes at one instruction,
 * with the same memory and the same descriptors: one may be resumed, the other kept.
 */
#include "step.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#define BREAKPOINT 0xcc

void trace_gate(void);
__asm__(".pushsection .text\n"
        ".globl trace_gate\n"
        ".type trace_gate, @function\n"
        "trace_gate:\n"
        "	syscall\n"
        "	int3\n"
        ".size trace_gate, . - trace_gate\n"
        ".popsection\n");

__attribute__((noinline)) void trace_mark(void)
{
	__asm__ volatile("int3" ::: "memory");
}

static bool wait_stop(pid_t pid, int *status)
{
	while (waitpid(pid, status, __WALL) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFSTOPPED(*status);
}

/* ---- the decoder ---- */

struct code {
	const uint8_t *at;
	bool locked;
	bool private_segment; /* fs, gs: thread-local */
	uint8_t rex;          /* W R X B in the low four bits */
	bool evex;
};

static uint64_t gpr(const struct user_regs_struct *regs, unsigned n)
{
	const uint64_t table[16] = {
		regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp, regs->rsi, regs->rdi,
		regs->r8, regs->r9, regs->r10, regs->r11, regs->r12, regs->r13, regs->r14, regs->r15,
	};

	return table[n & 15];
}

static void skip_prefixes(struct code *code)
{
	for (;; code->at++) {
		switch (*code->at) {
		case 0xf0:
			code->locked = true;
			continue;
		case 0x64:
		case 0x65:
			code->private_segment = true;
			continue;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x66: case 0x67: case 0xf2: case 0xf3:
			continue;
		default:
			break;
		}
		break;
	}
	if ((*code->at & 0xf0) == 0x40)
		code->rex = *code->at++ & 0xf;
}

/* Whether an opcode of the one-byte map has a ModRM byte with an operand that may be memory. */
static bool one_byte_has_modrm(uint8_t op)
{
	if (op < 0x40)
		return (op & 7) < 4;
	return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8c) || op == 0x8e ||
	       op == 0x8f || op == 0xc0 || op == 0xc1 || op == 0xc6 || op == 0xc7 ||
	       (op >= 0xd0 && op <= 0xd3) || (op >= 0xd8 && op <= 0xdf) || op == 0xf6 || op == 0xf7 ||
	       op == 0xfe || op == 0xff;
}

static bool two_byte_has_modrm(uint8_t op)
{
	return !((op >= 0x05 && op <= 0x0b) || op == 0x0e || (op >= 0x18 && op <= 0x1f) ||
	         (op >= 0x30 && op <= 0x37) || op == 0x77 || (op >= 0x80 && op <= 0x8f) ||
	         (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa) || (op >= 0xc8 && op <= 0xcf));
}

/* Goes to the ModRM byte; false where there is none. */
static bool find_modrm(struct code *code)
{
	uint8_t op = *code->at++;

	if (op == 0xc5) { /* VEX, two bytes */
		code->rex = (~code->at[0] & 0x80) >> 5;
		code->at += 1;
		return *code->at++ != 0x77;
	}
	if (op == 0xc4 || op == 0x62) { /* VEX, three bytes; EVEX */
		code->rex = (~code->at[0] & 0xe0) >> 5;
		code->evex = op == 0x62;
		code->at += op == 0xc4 ? 2 : 3;
		code->at++;
		return true;
	}
	if (op != 0x0f) {
		if (op == 0x86 || op == 0x87)
			code->locked = true; /* xchg with memory locks by itself */
		return one_byte_has_modrm(op);
	}
	op = *code->at++;
	if (op == 0x38 || op == 0x3a)
		code->at++;
	return op == 0x38 || op == 0x3a || two_byte_has_modrm(op);
}

/* The address that ModRM means; false where it means a register, or a place beside the code. */
static bool address_of(const struct code *code, const struct user_regs_struct *regs, uintptr_t *address)
{
	const uint8_t *at = code->at;
	uint8_t modrm = *at++, mod = modrm >> 6, rm = modrm & 7;
	uint64_t sum = 0;

	if (mod == 3 || (mod == 0 && rm == 5))
		return false;
	if (rm == 4) {
		uint8_t sib = *at++;
		unsigned index = (sib >> 3 & 7) | (code->rex & 2) << 2;

		if (index != 4)
			sum += gpr(regs, index) << (sib >> 6);
		if ((sib & 7) == 5 && mod == 0)
			mod = 4;
		else
			sum += gpr(regs, (sib & 7) | (code->rex & 1) << 3);
	} else {
		sum += gpr(regs, rm | (code->rex & 1) << 3);
	}
	if (mod == 1) {
		/* EVEX scales its short displacement by up to 64; where exactly does not matter here. */
		sum += (uint64_t)(int64_t)(int8_t)*at * (code->evex ? 64 : 1);
	} else if (mod == 2 || mod == 4) {
		int32_t displacement;

		memcpy(&displacement, at, sizeof displacement);
		sum += (uint64_t)(int64_t)displacement;
	}
	*address = sum;
	return true;
}

static bool touches(const struct range shared[2], uintptr_t address)
{
	return (address + 64 > shared[0].start && address < shared[0].end) ||
	       (address + 64 > shared[1].start && address < shared[1].end);
}

static enum next look_at(const uint8_t *at, const struct user_regs_struct *regs, const struct range shared[2])
{
	struct code code = { .at = at };
	uintptr_t address;

	skip_prefixes(&code);
	at = code.at;
	if (*at == BREAKPOINT)
		return NEXT_END;
	if (at[0] == 0x0f && at[1] == 0x05)
		return regs->rax == SYS_futex && (regs->rsi & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET
		               ? NEXT_SLEEP
		               : NEXT_SYSCALL;
	if ((*at >= 0xa4 && *at <= 0xa7) || (*at >= 0xaa && *at <= 0xaf && *at != 0xa8))
		return touches(shared, regs->rsi) || touches(shared, regs->rdi) ? NEXT_SHARED : NEXT_PRIVATE;
	if (!find_modrm(&code) || code.private_segment || !address_of(&code, regs, &address) ||
	    !touches(shared, address))
		return NEXT_PRIVATE;
	return code.locked ? NEXT_LOCKED : NEXT_SHARED;
}

/* ---- the tracee ---- */

enum next trace_look(pid_t pid, const struct range shared[2], uintptr_t *address)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
		return NEXT_LOST;
	*address = regs.rip;
	return look_at((const uint8_t *)regs.rip, &regs, shared);
}

static bool wait_trap(pid_t pid)
{
	int status;

	return wait_stop(pid, &status) && WSTOPSIG(status) == SIGTRAP;
}

bool trace_begin(pid_t pid)
{
	return wait_trap(pid) && ptrace(PTRACE_SETOPTIONS, pid, NULL,
	                                PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0;
}

bool trace_step(pid_t pid)
{
	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && wait_trap(pid);
}

bool trace_finish(pid_t pid)
{
	return ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && wait_trap(pid);
}

bool trace_skip(pid_t pid, uint64_t calls)
{
	for (uint64_t stops = 2 * calls; stops > 0; stops--) { /* one at its entry, one at its end */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0 || !wait_trap(pid))
			return false;
	}
	return true;
}

pid_t trace_copy(pid_t pid)
{
	struct user_regs_struct saved, regs;
	unsigned long made = 0;
	int status;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &saved) != 0)
		return -1;
	regs = saved;
	regs.rip = (uintptr_t)trace_gate;
	regs.rax = SYS_clone;
	regs.orig_rax = (unsigned long)-1;
	regs.rdi = 0x00008000 /* CLONE_PARENT: the tracer waits for it as for any child */ | SIGCHLD;
	regs.rsi = regs.rdx = regs.r10 = regs.r8 = 0;
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) != 0 || ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
		return -1;
	if (!wait_stop(pid, &status) || status >> 16 == 0 ||
	    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &made) != 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) != 0 || !wait_trap(pid)) /* at the gate's breakpoint */
		return -1;
	saved.orig_rax = (unsigned long)-1;
	if (!wait_stop((pid_t)made, &status) || ptrace(PTRACE_SETREGS, made, NULL, &saved) != 0 ||
	    ptrace(PTRACE_SETREGS, pid, NULL, &saved) != 0)
		return -1;
	return (pid_t)made;
}

int trace_reads(pid_t pid)
{
	struct user_regs_struct regs;
	const uint8_t *at;
	int handle, file = -1;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
		return -1;
	at = (const uint8_t *)regs.rip;
	if (at[0] != 0x0f || at[1] != 0x05 || regs.rax != SYS_read)
		return -1;
	handle = (int)syscall(SYS_pidfd_open, pid, 0);
	if (handle >= 0) {
		file = (int)syscall(SYS_pidfd_getfd, handle, (int)regs.rdi, 0);
		close(handle);
	}
	return file;
}

void trace_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) >= 0 || errno == EINTR) {
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return;
	}
}

#endif
