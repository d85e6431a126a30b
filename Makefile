# witan: make, make demo, make check, make help
#
# Objects live under build/$(MODE). A folder becomes one archive; a unit test links only its own folder's archive and
# those the folder may see, so a broken room does not darken the others.

# What is installed is built for use; what is worked on, for finding faults.
MODE    ?= $(if $(filter install,$(MAKECMDGOALS)),release,debug)
CC      ?= gcc
B       ?= build/$(MODE)
V       ?= 0
PREFIX  ?= /usr/local
DESTDIR ?=
Q       := $(if $(filter 1,$(V)),,@)

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wundef -Wvla -Wswitch-enum -Werror
VERSION := 0.1.0
PKGS := libuv libsodium msgpack inih libsystemd
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

CFLAGS_debug := -O1 -g
CFLAGS_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS_asan  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan  := -O1 -g -fsanitize=thread
CFLAGS_fuzz  := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined

ALL_CFLAGS  = -std=c11 $(WARN) $(CFLAGS_$(MODE)) -I. -D_GNU_SOURCE -DWITAN_VERSION='"$(VERSION)"' \
              $(PKG_CFLAGS) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(LDFLAGS_$(MODE)) -Wl,--as-needed $(LDFLAGS)

FOLDERS := core gossip discovery sched net cli
# Beside its folder a unit test of the store uses the small world of test/proof.
WORLD       := $(B)/libworld.a
with_sched  := $(WORLD)
sources  = $(filter-out cli/main.c,$(wildcard $(1)/*.c $(1)/*/*.c))
archive  = $(B)/lib$(1).a

sees_core      := core
sees_gossip    := gossip core
sees_discovery := discovery core
sees_sched     := sched core
sees_net       := net discovery gossip sched core
sees_cli       := cli $(sees_net)
link = -Wl,--start-group $(foreach f,$(sees_$(1)),$(call archive,$(f))) -Wl,--end-group

.PHONY: all
all: $(B)/witan

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

define folder
$(call archive,$(1)): $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar qcs $$@ $$^

unit_$(1) := $$(patsubst %.c,$(B)/%,$$(wildcard test/unit/$(1)/test_*.c))
$$(unit_$(1)): $(B)/test/unit/$(1)/%: $(B)/test/unit/$(1)/%.o $(with_$(1)) $(foreach f,$(sees_$(1)),$(call archive,$(f)))
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$< $(with_$(1)) $(call link,$(1)) $(PKG_LIBS) -lcmocka
unit += $$(unit_$(1))
.PHONY: unit-$(1)
unit-$(1): $$(unit_$(1))
	$$(Q)test/unit/run $(B)/unit-log-$(1) $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder,$(f))))

$(B)/witan: $(B)/cli/main.o $(foreach f,$(FOLDERS),$(call archive,$(f)))
	@[ "$(V)" = 1 ] || echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(call link,cli) $(PKG_LIBS)

# ThreadSanitizer makes a fork of each vfork, and so the keeper, which has one thread, wait for nothing.
unit_here := $(if $(filter tsan,$(MODE)),$(filter-out %/test_keeper_process,$(unit)),$(unit))
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/test/unit/tsan
.PHONY: unit
unit: $(unit_here)
	$(Q)test/unit/run $(B)/unit-log $^

# All of test/proof but its main: lives of small worlds of stores.
WORLD_SOURCES := $(filter-out %/main.c,$(wildcard test/proof/*.c))
$(WORLD): $(patsubst %.c,$(B)/%.o,$(WORLD_SOURCES))
	@rm -f $@
	$(Q)ar qcs $@ $^

$(B)/proof: $(B)/test/proof/main.o $(WORLD) $(foreach f,$(sees_sched),$(call archive,$(f)))
	@[ "$(V)" = 1 ] || echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(WORLD) $(call link,sched) $(PKG_LIBS)

SIM_SOURCES := $(wildcard test/sim/*.c)
$(B)/sim: $(patsubst %.c,$(B)/%.o,$(SIM_SOURCES)) $(foreach f,$(sees_net),$(call archive,$(f)))
	@[ "$(V)" = 1 ] || echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(patsubst %.c,$(B)/%.o,$(SIM_SOURCES)) $(call link,net) $(PKG_LIBS)

# --- what a stranger types ---

.PHONY: demo check check-all sim proof mutations lab
demo:
	@DEPS=$(DEPS) test/need build check
	@$(MAKE) --no-print-directory MODE=release -j$$(nproc)
	@test/demo build/release/witan build/demo

check:
	@DEPS=$(DEPS) test/need build check
	@test/check $(CHECK)

check-all:
	@DEPS=$(DEPS) test/need build check all
	@test/check all $(CHECK)

SEED  ?= 1
SEEDS ?= 20
NODES ?= 7
T     ?= 60
sim: $(B)/sim
	$(B)/sim --seed $(SEED) --seeds $(SEEDS) --hosts $(NODES) --seconds $(T) --faults

proof: $(B)/proof
	$(B)/proof --schedule all
	$(B)/proof --seed $(SEED) --seeds $(SEEDS)
mutations:
	test/proof/mutate

lab: $(B)/witan
	test/lab/all $(B)/witan

# --- bench: figures beside their ceilings ---

bench_store  := store voter ceiling etcd restart
bench_queued := queued
$(B)/bench-%: $(foreach f,$(sees_cli),$(call archive,$(f)))
	@[ "$(V)" = 1 ] || echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(call link,cli) $(PKG_LIBS)
$(B)/bench-store: $(bench_store:%=$(B)/test/bench/%.o)
$(B)/bench-queued: $(bench_queued:%=$(B)/test/bench/%.o)
.PHONY: bench-store
bench-store:
	@$(MAKE) --no-print-directory MODE=release all build/release/bench-store build/release/bench-queued
	@rm -rf build/bench-store && mkdir -p build/bench-store
	build/release/bench-store build/bench-store/commits $(ROUNDS)
	build/release/bench-queued build/release/witan build/bench-store/queued

# --- fuzz: one target for each decoder ---

fuzzers := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))
.PHONY: fuzz fuzz-build
$(addprefix $(B)/,$(fuzzers)): $(B)/%: $(B)/test/fuzz/%.o $(foreach f,$(sees_net),$(call archive,$(f)))
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(call link,net) $(PKG_LIBS)
fuzz-build: $(addprefix $(B)/,$(fuzzers))
fuzz:
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzz-build
	@test/fuzz/run build/fuzz $(T) $(fuzzers)

# --- order ---

ours  := $(foreach f,$(FOLDERS),$(wildcard $(f)/*.c $(f)/*/*.c))
texts := $(sort $(ours) $(foreach f,$(FOLDERS) test,$(wildcard $(addprefix $(f)/,*.h */*.h */*.c */*/*.[ch]))))
deep  := analyzer cppcheck clang-tidy
.PHONY: layers format sizes tidy clean help $(deep)
layers:
	$(Q)awk -f test/tidy/layers.awk $(texts)
format:
	$(Q)clang-format --dry-run -Werror $(texts)
sizes:
	$(Q)test/tidy/sizes $(texts)
$(deep):
	$(Q)CFLAGS='$(filter-out -W% -O% -g -M% -DWITAN_VERSION%,$(ALL_CFLAGS)) -DWITAN_VERSION=""' \
		test/tidy/deep $@ $(ours)
tidy:
	$(Q)test/check all layers sizes format $(deep)

clean:
	$(Q)rm -rf build

help:
	@echo 'make              the program, build/debug/witan (MODE=release asan tsan)'
	@echo 'make demo         a real cluster of processes on this machine'
	@echo 'make check        all tests a stranger can run; make check-all: the long ones, too (root)'
	@echo 'make unit         unit tests; unit-core, unit-gossip … of one folder'
	@echo 'make tidy         who includes whom, sizes, format; gcc -fanalyzer, cppcheck, clang-tidy where installed'
	@echo 'make sim          clusters in virtual time: SEED= SEEDS= NODES= T=seconds'
	@echo 'make proof        the store alone: schedules by name, lives by seed: SEED= SEEDS=; make mutations: what breaks is found'
	@echo 'make bench-store  the store beside the disk and, where it is installed, etcd: ROUNDS='
	@echo 'make lab          real programs in network namespaces (root)'
	@echo 'make fuzz T=60    every decoder, that many seconds each'
	@echo 'make install      PREFIX=/usr/local DESTDIR='

# Units go to /lib: what looks after units in packages does not look into /usr/lib. As root and without DESTDIR the user
# and group are made, too. What an operator may have changed is never overwritten, and data never removed.
UNITS   := $(DESTDIR)/lib/systemd/system
SHARE   := $(DESTDIR)$(PREFIX)/share
HOMES   := $(DESTDIR)/var/lib/witan
AS_ROOT := $(if $(DESTDIR),,$(filter 0,$(shell id -u)))
MAN     := $(wildcard conf/man/*.1)
WORDS   := $(wildcard conf/completion/witan)

.PHONY: install uninstall
install: all
	$(Q)install -D -m 755 $(B)/witan $(DESTDIR)$(PREFIX)/bin/witan
	$(Q)install -d $(UNITS) $(DESTDIR)/usr/lib/sysusers.d $(DESTDIR)/etc/witan $(HOMES)
	$(Q)for role in scheduler worker; do \
		sed 's|@PREFIX@|$(PREFIX)|' conf/systemd/$$role.service >$(UNITS)/$$role.service && \
		chmod 644 $(UNITS)/$$role.service && install -d -m 750 $(HOMES)/$$role || exit 1; \
	done
	$(Q)install -m 644 conf/sysusers/witan.conf $(DESTDIR)/usr/lib/sysusers.d/witan.conf
	$(Q)test -e $(DESTDIR)/etc/witan/witan.conf || \
		install -m 640 conf/witan.conf $(DESTDIR)/etc/witan/witan.conf
	$(if $(MAN),$(Q)install -D -m 644 -t $(SHARE)/man/man1 $(MAN))
	$(if $(WORDS),$(Q)install -D -m 644 $(WORDS) $(SHARE)/bash-completion/completions/witan)
	$(if $(AS_ROOT),$(Q)conf/sysusers/make-user)

uninstall:
	$(if $(AS_ROOT),$(Q)test ! -d /run/systemd/system || systemctl --quiet disable --now scheduler.service worker.service || true)
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/witan $(UNITS)/scheduler.service $(UNITS)/worker.service \
		$(DESTDIR)/usr/lib/sysusers.d/witan.conf $(SHARE)/man/man1/witan.1 \
		$(SHARE)/bash-completion/completions/witan
	$(if $(AS_ROOT),$(Q)test ! -d /run/systemd/system || systemctl daemon-reload)
	@echo 'kept: $(DESTDIR)/etc/witan, $(HOMES), user and group witan'

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
