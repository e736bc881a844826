package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"aftercare.dev/deploy/bench/report"
)

// thisMachine reads what the report says of the machine from /proc.
func thisMachine() (report.Machine, error) {
	m := report.Machine{CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, fmt.Errorf("the benchmark needs the /proc of Linux: %w", err)
	}
	m.Kernel = strings.TrimSpace(string(kernel))
	processors, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	m.Model = valueOf(processors, "model name")
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(valueOf(memory, "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return m, fmt.Errorf("read /proc/meminfo: %w", err)
	}
	m.MemoryBytes = kilobytes << 10
	return m, nil
}

// valueOf is what stands behind a name and a colon, or nothing.
func valueOf(content []byte, name string) string {
	for line := range bytes.Lines(content) {
		if key, value, _ := strings.Cut(string(line), ":"); strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
