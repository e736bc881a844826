package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"aftercare.dev/deploy/load"
)

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
func (r *run) goHome(ctx context.Context, s *shoppers) (load.Account, error) {
	if _, err := r.kubectl(ctx, "delete", "--namespace", r.Namespace, "pod", shoppersPod, "--wait=false"); err != nil {
		return load.Account{}, err
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return load.Account{}, fmt.Errorf("the shoppers do not come to an end: %w: %s", ctx.Err(), s.words())
	}
	// The log was read to its end; how kubectl ended says nothing more.
	_ = s.command.Wait()
	if s.last == nil {
		return load.Account{}, fmt.Errorf("the shoppers left no report: %s", s.words())
	}
	var report load.Account
	if err := json.Unmarshal(s.last, &report); err != nil {
		return load.Account{}, err
	}
	if report.Waiting != left {
		return report, fmt.Errorf("%d of %d cases wait for a person", report.Waiting, left)
	}
	return report, report.Check()
}
