package temporal_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"aftercare.dev/deploy/temporal"
	"aftercare.dev/deploy/temporal/temporaltest"
)

// crashDir makes this test binary the process that is killed: it names the data directory.
const crashDir = "TEMPORAL_TEST_CRASH_DIR"

// TestWorkflowsSurviveKill starts cases in a process, kills it with SIGKILL at once, and wants every
// case whose start was acknowledged to end in the next process on the same file, wherever it lies.
func TestWorkflowsSurviveKill(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		openCases(t, dir)
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestWorkflowsSurviveKill$", "-test.v")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	cases := killAfter(t, child, out, 10)

	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(moved) })
	server := temporaltest.Start(t, func(c *temporal.Config) { c.Dir, c.SearchAttributes = moved, searchAttributes() })
	c := temporaltest.Dial(t, server)
	startWorker(t, c)
	for _, id := range cases {
		var result string
		if err := c.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result); err != nil || result != "closed" {
			t.Errorf("%s: %q, %v", id, result, err)
		}
	}
	awaitFound(t, c, "WorkflowId = '"+cases[len(cases)-1]+"' AND CaseStatus = 'closed'")
}

// killAfter kills the process when it has acknowledged so many cases, and returns the ids of all that
// it has acknowledged by then.
func killAfter(t *testing.T, child *exec.Cmd, out io.Reader, count int) []string {
	t.Helper()
	var cases, lines []string
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		lines = append(lines, scanner.Text())
		id, ok := strings.CutPrefix(scanner.Text(), "acknowledged ")
		if !ok {
			continue
		}
		if cases = append(cases, id); len(cases) == count {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait()
	if len(cases) < count {
		t.Fatalf("the process acknowledged only %d cases:\n%s", len(cases), strings.Join(lines, "\n"))
	}
	return cases
}

// openCases is what the killed process does: it opens cases for ever. Half of them wait for a timer, half
// end at once.
func openCases(t *testing.T, dir string) {
	t.Helper()
	server := temporaltest.Start(t, func(c *temporal.Config) { c.Dir, c.SearchAttributes = dir, searchAttributes() })
	c := temporaltest.Dial(t, server)
	startWorker(t, c)
	for i := 0; ; i++ {
		id := fmt.Sprintf("case-%d", i)
		startWorkflow(t, c, id, time.Duration(i%2)*2*time.Second, status.ValueSet("open"))
		fmt.Println("acknowledged " + id)
	}
}

// TestFileInUse wants a second process on the same file to be told so, instead of stealing its shards.
func TestFileInUse(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv(crashDir) != "" {
		_, err := temporal.Start(t.Context(), temporal.Config{Dir: os.Getenv(crashDir), FrontendAddr: "127.0.0.1:0"})
		fmt.Println("second process:", err)
		return
	}
	temporaltest.Start(t, func(c *temporal.Config) { c.Dir = dir })
	child := exec.Command(os.Args[0], "-test.run=^TestFileInUse$")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "second process: temporal: the database is in use by another process") {
		t.Errorf("second process: %s", out)
	}
}
