# SPDX-License-Identifier: MIT
#
# Fuzzing: part of Makefile.in. test/fuzz/fuzz_NAME.c with the real sources and fakes of FUZZ_NAME_ALL; always by clang, whatever
# builds the rest (configure's FUZZ_CLANG). B/test/fuzz/NAME are the programs, test/fuzz/run runs them.

FUZZ_TARGETS ?= archive blkfront cmdline frame netfront virtio_mmio virtio_pci virtq xenbus xenstore
FUZZ_SECONDS = 300

comma = ,

# As on the desk: what a unit test there is linked with.
$(foreach t,blkfront netfront,$(eval FUZZ_$t_ALL = $$(XENHOST_UNIT))$(eval FUZZ_$t_LINK = @$$(S)/test/fake/xenhost.flags))
$(foreach t,xenbus xenstore,$(eval FUZZ_$t_ALL = $$(filter-out $$(addprefix test/fake/xenhost_,blk.c life.c net.c store.c),$$(XENHOST_UNIT)))\
	$(eval FUZZ_$t_LINK = @$$(S)/test/fake/xenhost.flags))
FUZZ_virtq_ALL = $(VMM_UNIT)
FUZZ_virtq_LINK = $(VMM_LINK)
$(foreach t,virtio_mmio virtio_pci,$(eval FUZZ_$t_ALL = $$(filter-out test/fake/%,$$(VMM_UNIT)) $$(addprefix test/fake/,vmm.c vmm_chips.c vmm_x86.c))\
	$(eval FUZZ_$t_LINK = $$(VMM_LINK) -Wl$$(comma)--wrap=gate_map))
FUZZ_frame_ALL = $(filter-out $(addprefix test/fake/,blk.c nic.c offload.c peer_bridge.c wire.c),$(NET_DESK))
FUZZ_frame_LINK = $(DESK_LINK) @$(S)/test/fake/netfault.flags
FUZZ_archive_ALL = core/fmt.c $(addprefix libc-glue/,archive.c cpio.c tar.c tree.c)
FUZZ_cmdline_ALL = core/fmt.c core/option.c kvm/slots.c libc-glue/args.c

FUZZ_HOST = $(FUZZ_CLANG) -std=gnu11 -O2 -g $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-fno-pie $(DEPS) -I$(S)
FUZZ_LINK = -no-pie -fsanitize=fuzzer -Wl,-T,$(S)/test/fuzz/fuzz.lds -Wl,--wrap=_exit,--wrap=log_line
$(eval $(call flags_of,fuzz,$$(FUZZ_HOST) $$(FUZZ_COVER) $$(FUZZ_MALLOC) $$(XENHOST_FLAGS)))

# What is looked into: the sources of the house, not the fakes and the targets.
$(B)/fuzz/%.o: FUZZ_COVER = -fsanitize=fuzzer-no-link
$(B)/fuzz/test/%.o: FUZZ_COVER =
# What runs in every input, byte by byte: without a look at each comparison, which would take half of the time.
$(call objects,fuzz,core/fmt.c core/x86/pvclock.c xen/clock.c xen/evtchn.c xen/xenstore.c): FUZZ_COVER = -fsanitize-coverage=inline-8bit-counters,pc-table
$(B)/fuzz/xen/% $(B)/fuzz/netfront/% $(B)/fuzz/blkfront/% $(B)/fuzz/test/fake/xenhost%: FUZZ_FLAGS = $(XENHOST_FLAGS)
FUZZ_MALLOC = $(foreach f,calloc free malloc strndup,-D$f=fuzz_$f)
$(foreach f,archive args cpio tar tree,$(eval $(B)/fuzz/libc-glue/$f.o: FUZZ_FLAGS = -D_GNU_SOURCE $$(FUZZ_MALLOC)))
$(B)/fuzz/libc-glue/%: FUZZ_FLAGS = -D_GNU_SOURCE -DDEBUG $(FUZZ_MALLOC) $(LWIP_INCLUDE)
$(B)/fuzz/test/fake/netglue.o $(B)/fuzz/test/fuzz/fuzz_frame.o: FUZZ_FLAGS = -D_GNU_SOURCE -DDEBUG $(LWIP_INCLUDE)
$(B)/fuzz/lwip/%: FUZZ_FLAGS = -D_GNU_SOURCE -DDEBUG $(LWIP_INCLUDE) -fno-sanitize=shift,alignment,null -w
$(B)/fuzz/kvm/% $(B)/fuzz/test/fake/vmm%: FUZZ_FLAGS = -iquote $(S)/test/fake/include
$(foreach t,blkfront netfront xenbus xenstore,$(eval $(B)/fuzz/test/fuzz/fuzz_$t.o: FUZZ_FLAGS = $(XENHOST_FLAGS)))
$(foreach t,virtio_mmio virtio_pci virtq,$(eval $(B)/fuzz/test/fuzz/fuzz_$t.o: FUZZ_FLAGS = -iquote $(S)/test/fake/include))

$(B)/fuzz/%.o: $(S)/%.c $(B)/flags-fuzz $(S)/test/fuzz/fuzz.mk
	$(call label,FUZZCC)
	$(Q)$(FUZZ_HOST) $(FUZZ_COVER) $(FUZZ_FLAGS) -c -o $@ $<

$(B)/fuzz/lwip/%.o: $(B)/lwip/unpacked $(B)/flags-fuzz $(S)/test/fuzz/fuzz.mk
	$(call label,FUZZCC)
	$(Q)$(FUZZ_HOST) $(FUZZ_COVER) $(FUZZ_FLAGS) -c -o $@ $(B)/lwip/src/$*.c

$(B)/fuzz/%.S.o: $(S)/%.S $(B)/flags-fuzz $(S)/test/fuzz/fuzz.mk
	$(call label,FUZZAS)
	$(Q)$(FUZZ_HOST) -c -o $@ $<

$(call objects,fuzz,$(FUZZ_frame_ALL) test/fuzz/fuzz_frame.c): | $(B)/lwip/unpacked

# $1: the target. Without clang the program says so, and the test fails.
define fuzz_target
$$(B)/test/fuzz/$1: $$(call objects,fuzz,test/fuzz/fuzz_$1.c test/fuzz/fuzz.c $$(FUZZ_$1_ALL)) $$(S)/test/fuzz/fuzz.lds
	$$(call label,LINK)
	$$(Q)$$(FUZZ_HOST) -o $$@ $$(filter %.o,$$^) $$(FUZZ_LINK) $$(FUZZ_$1_LINK) -lpthread
endef
define fuzz_missing
$$(B)/test/fuzz/$1:
	$$(call label,NONE)
	$$(Q)printf '%s\n' '#!/bin/sh' 'echo clang with libFuzzer is missing: sudo apt-get install clang libclang-rt-14-dev, configure, make tests' 'exit 1' > $$@
	$$(Q)chmod +x $$@
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call $(if $(FUZZ_CLANG),fuzz_target,fuzz_missing),$t)))

FUZZ_TESTS = $(FUZZ_TARGETS:%=$(B)/test/fuzz/%)

fuzz: $(FUZZ_TESTS)
	PITH_BUILD=$(abspath $(B)) $(S)/test/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZFLAGS)

.PHONY: fuzz

-include $(patsubst %.o,%.d,$(call objects,fuzz,test/fuzz/fuzz.c $(foreach t,$(FUZZ_TARGETS),test/fuzz/fuzz_$t.c $(FUZZ_$t_ALL))))
