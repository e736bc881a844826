package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Usage is what processes took from the machine, by name.
type Usage map[string]Process

// Process is what one process took.
type Process struct {
	// CPU is the time of the processor, user and system, in seconds, with that of children which ended and were waited for:
	// a child that is listed itself must outlive the reading, or it counts twice.
	CPU float64 `json:"cpu_seconds"`
	// RSS is the memory that is resident now, and PeakRSS the most that ever was, in bytes. Children are not in it.
	RSS     int64 `json:"rss_bytes"`
	PeakRSS int64 `json:"peak_rss_bytes"`
}

// Total is all processes together. Its PeakRSS is the sum of the peaks, which need not have been at the same time.
func (u Usage) Total() Process {
	var total Process
	for _, p := range u {
		total.CPU += p.CPU
		total.RSS += p.RSS
		total.PeakRSS += p.PeakRSS
	}
	return total
}

// Since is what was used after an earlier reading of the same processes: CPU is the difference, memory is that of the later
// reading. A process that is not in the earlier one counts from its start.
func (u Usage) Since(before Usage) Usage {
	since := Usage{}
	for name, p := range u {
		p.CPU -= before[name].CPU
		since[name] = p
	}
	return since
}

// Read reads what processes used so far, by name from their ids. It needs the /proc of Linux. A process that has ended is an
// error that wraps [fs.ErrNotExist].
func Read(pids map[string]int) (Usage, error) {
	u := Usage{}
	for name, pid := range pids {
		p, err := read(pid)
		if err != nil {
			return nil, fmt.Errorf("usage of %s, process %d: %w", name, pid, err)
		}
		u[name] = p
	}
	return u, nil
}

// ticksPerSecond is USER_HZ, in which /proc counts time. It is 100 on every architecture that Go runs on but Alpha's; the C
// library is not asked because there is none.
const ticksPerSecond = 100

var errFormat = errors.New("not of the form that proc(5) describes")

func read(pid int) (Process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Process{}, ended(err)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Process{}, ended(err)
	}
	ticks, err := ticksOf(stat)
	if err != nil {
		return Process{}, err
	}
	p := Process{CPU: float64(ticks) / ticksPerSecond}
	// A process that ended and was not waited for has no memory any more, and these lines are missing.
	p.RSS, p.PeakRSS = kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")
	return p, nil
}

// ended makes the errors of a process that is not there any more one: the file is missing, or was there and cannot be read.
func ended(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// ticksOf is utime + stime + cutime + cstime, fields 14 to 17 of /proc/<pid>/stat, see proc_pid_stat(5).
func ticksOf(stat []byte) (int64, error) {
	// The second field is a name in parentheses that may have blanks and parentheses itself: fields count from the last one.
	_, rest, ok := lastCut(stat, ')')
	fields := bytes.Fields(rest)
	const third, first, last = 3, 14, 17
	if !ok || len(fields) <= last-third {
		return 0, fmt.Errorf("stat is %w", errFormat)
	}
	var ticks int64
	for _, field := range fields[first-third : last-third+1] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat is %w: %w", errFormat, err)
		}
		ticks += n
	}
	return ticks, nil
}

func lastCut(b []byte, sep byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// kilobytes is the value of a line such as "VmRSS:   1234 kB", in bytes, or 0.
func kilobytes(status []byte, label string) int64 {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte(label))
		if !ok {
			continue
		}
		n, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 10, 64)
		return n << 10
	}
	return 0
}
