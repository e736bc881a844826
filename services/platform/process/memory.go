package process

import (
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// gcPercent is how much of what it holds a process may add before its garbage is collected. What the services hold is small
	// and what a request leaves behind is much of it: at Go's 100 a seventh of all CPU went to the collector.
	gcPercent = 200
	// memoryShare is the share of a container's memory from which on garbage is collected as often as it takes.
	memoryShare = 0.8
)

// TuneMemory spends memory to save CPU: garbage is collected less often than Go would, but never so seldom that the process comes
// near the memory limit of its container (cgroup v1 and v2). GOGC and GOMEMLIMIT, if they are set, are obeyed as ever. It is for the
// beginning of a program, and changes the whole process.
func TuneMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	_, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	elsewhere := errors.Is(err, memlimit.ErrCgroupsNotSupported) || errors.Is(err, memlimit.ErrNoCgroup)
	if err != nil && !elsewhere {
		log.Warn("the memory limit of the container is not known: set GOMEMLIMIT if there is one", "error", err)
	}
}
