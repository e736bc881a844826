package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// Shopping is the last line of the program shoppers.
type Shopping struct {
	Requests       int64    `json:"requests"`
	Failed         int64    `json:"failed"`
	Failures       []string `json:"failures,omitempty"`
	Filed          int      `json:"filed"`
	Closed         int      `json:"closed"`
	Waiting        int      `json:"waiting"`
	Refunded       int64    `json:"refunded_minor"`
	Lost           []string `json:"lost,omitempty"`
	Journal        int64    `json:"journal_minor"`
	JournalRefunds int      `json:"journal_refunds"`
}

// shoppers are the pod that shops, as its log tells.
type shoppers struct {
	command *exec.Cmd
	done    chan struct{}

	mu     sync.Mutex
	closed int
	first  time.Time
	last   []byte
	tail   [][]byte
	news   chan struct{}
}

const shoppersPod = "shoppers"

// shop starts the pod. It shops through the Services of the gateway and the sandbox, as a neighbour in the cluster does.
func (r *run) shop(ctx context.Context) (*shoppers, error) {
	pod := object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": shoppersPod},
		"spec": object{
			"restartPolicy": "Never",
			// They bring every open case to its end first.
			"terminationGracePeriodSeconds": 600,
			"automountServiceAccountToken":  false,
			"securityContext":               object{"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": object{"type": "RuntimeDefault"}},
			"containers": []object{{
				"name": "shoppers", "image": "aftercare/shoppers:" + r.Versions[0], "imagePullPolicy": "IfNotPresent",
				"securityContext": object{
					"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": []string{"ALL"}},
				},
				"envFrom": []object{{"secretRef": object{"name": outsideSecret}}},
				"env": []object{
					{"name": "SHOPPERS_GATEWAY_URL", "value": gatewayURL},
					{"name": "SHOPPERS_SANDBOX_URL", "value": sandboxURL},
					{"name": "SHOPPERS_WAITING", "value": strconv.Itoa(left)},
				},
			}},
		},
	}
	if err := r.apply(ctx, pod); err != nil {
		return nil, err
	}
	if _, err := r.kubectl(ctx, "wait", "--namespace", r.Namespace, "--for=condition=Ready", "pod/"+shoppersPod, "--timeout=60s"); err != nil {
		return nil, err
	}
	s := &shoppers{done: make(chan struct{}), news: make(chan struct{}, 1)}
	s.command = exec.CommandContext(ctx, r.Kubectl, "logs", "--namespace", r.Namespace, "--follow", shoppersPod) //nolint:gosec // a program of the options
	log, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go s.listen(log)
	return s, nil
}

// listen reads the log to its end.
func (s *shoppers) listen(log io.Reader) {
	defer close(s.done)
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		s.hear(bytes.Clone(scanner.Bytes()))
	}
}

func (s *shoppers) hear(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const kept = 20
	if s.tail = append(s.tail, line); len(s.tail) > kept {
		s.tail = s.tail[1:]
	}
	switch {
	case bytes.Contains(line, []byte(`"msg":"case closed"`)):
		s.closed++
		if s.first.IsZero() {
			s.first = time.Now()
		}
		select {
		case s.news <- struct{}{}:
		default:
		}
	case bytes.HasPrefix(line, []byte(`{"requests"`)):
		s.last = line
	}
}

// until waits for so many more cases to be closed.
func (s *shoppers) until(ctx context.Context, more int) error {
	goal := s.count() + more
	for s.count() < goal {
		select {
		case <-s.news:
		case <-s.done:
			return fmt.Errorf("the shoppers have stopped: %s", s.words())
		case <-ctx.Done():
			return fmt.Errorf("%d of %d cases are closed: %w: %s", s.count(), goal, ctx.Err(), s.words())
		}
	}
	return nil
}

func (s *shoppers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *shoppers) words() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Join(s.tail, []byte("\n"))
}

// goHome has the shoppers finish and returns their report.
func (r *run) goHome(ctx context.Context, s *shoppers) (Shopping, error) {
	if _, err := r.kubectl(ctx, "delete", "--namespace", r.Namespace, "pod", shoppersPod, "--wait=false"); err != nil {
		return Shopping{}, err
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return Shopping{}, fmt.Errorf("the shoppers do not come to an end: %w: %s", ctx.Err(), s.words())
	}
	// The log was read to its end; how kubectl ended says nothing more.
	_ = s.command.Wait()
	if s.last == nil {
		return Shopping{}, fmt.Errorf("the shoppers left no report: %s", s.words())
	}
	var report Shopping
	if err := json.Unmarshal(s.last, &report); err != nil {
		return Shopping{}, err
	}
	return report, report.check()
}

// check fails unless every request was answered, and every case is closed and paid once, or waits where it should.
func (s Shopping) check() error {
	var errs []error
	for _, wrong := range []struct {
		is   bool
		says string
	}{
		{s.Failed > 0, fmt.Sprintf("%d of %d requests failed: %q", s.Failed, s.Requests, s.Failures)},
		{len(s.Lost) > 0, fmt.Sprintf("cases were lost: %q", s.Lost)},
		{s.Closed != s.Filed, fmt.Sprintf("%d of %d cases were closed", s.Closed, s.Filed)},
		{s.Waiting != left, fmt.Sprintf("%d of %d cases wait for a person", s.Waiting, left)},
		{s.Journal != s.Refunded || s.JournalRefunds != s.Closed, fmt.Sprintf(
			"the provider paid %d in %d refunds, the cases say %d in %d", s.Journal, s.JournalRefunds, s.Refunded, s.Closed)},
	} {
		if wrong.is {
			errs = append(errs, errors.New(wrong.says))
		}
	}
	return errors.Join(errs...)
}
