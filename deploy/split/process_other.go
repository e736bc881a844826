//go:build unix && !linux

package split

import "syscall"

// attributes keep a Ctrl-C at the terminal from a process: it is stopped in order. It outlives a parent that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (t *thread) run() {
	for f := range t.work {
		f()
	}
}
