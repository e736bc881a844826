package temporal_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/deploy/temporal"
	"aftercare.dev/deploy/temporal/temporaltest"
)

const taskQueue = "test"

var (
	status   = sdktemporal.NewSearchAttributeKeyKeyword("CaseStatus")
	refunded = sdktemporal.NewSearchAttributeKeyInt64("RefundedMinorUnits")
	deadline = sdktemporal.NewSearchAttributeKeyTime("CaseDeadline")
)

func searchAttributes() map[string]enums.IndexedValueType {
	return map[string]enums.IndexedValueType{
		status.GetName():   status.GetValueType(),
		refunded.GetName(): refunded.GetValueType(),
		deadline.GetName(): deadline.GetValueType(),
	}
}

// waitAndClose is a small case: it waits, then says that it is closed.
func waitAndClose(ctx workflow.Context, wait time.Duration) (string, error) {
	if err := workflow.Sleep(ctx, wait); err != nil {
		return "", err
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, status.ValueSet("closed"), refunded.ValueSet(1999)); err != nil {
		return "", err
	}
	return "closed", nil
}

func startWorker(tb testing.TB, c client.Client) {
	tb.Helper()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(waitAndClose)
	if err := w.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.Stop)
}

func startWorkflow(tb testing.TB, c client.Client, id string, wait time.Duration, attributes ...sdktemporal.SearchAttributeUpdate) client.WorkflowRun {
	tb.Helper()
	run, err := c.ExecuteWorkflow(tb.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: taskQueue, WorkflowTaskTimeout: 2 * time.Second,
		TypedSearchAttributes: sdktemporal.NewSearchAttributes(attributes...),
	}, waitAndClose, wait)
	if err != nil {
		tb.Fatal(err)
	}
	return run
}

// awaitFound waits until visibility, which follows the workflow with a small delay, finds one workflow.
func awaitFound(tb testing.TB, c client.Client, query string) {
	tb.Helper()
	var found int
	for range 200 {
		list, err := c.ListWorkflow(tb.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		if err != nil {
			tb.Fatalf("query %q: %v", query, err)
		}
		if found = len(list.GetExecutions()); found == 1 {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	tb.Fatalf("query %q finds %d workflows, want 1", query, found)
}

func TestWorkflowIsFoundBySearchAttributes(t *testing.T) {
	server := temporaltest.Start(t, func(c *temporal.Config) { c.SearchAttributes = searchAttributes() })
	c := temporaltest.Dial(t, server)
	startWorker(t, c)

	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	run := startWorkflow(t, c, "case-1", 500*time.Millisecond, status.ValueSet("open"), deadline.ValueSet(until))
	awaitFound(t, c, "CaseStatus = 'open' AND CaseDeadline > '2026-11-30T00:00:00Z'")

	var result string
	if err := run.Get(t.Context(), &result); err != nil || result != "closed" {
		t.Fatalf("workflow: %q, %v", result, err)
	}
	awaitFound(t, c, "CaseStatus = 'closed' AND RefundedMinorUnits = 1999 AND ExecutionStatus = 'Completed'")
}

func TestDatabaseSurvivesRestartAndLearnsNewSearchAttributes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a dir", "50% new?")
	old := searchAttributes()
	delete(old, refunded.GetName())
	server := temporaltest.Start(t, func(c *temporal.Config) { c.Dir, c.SearchAttributes = dir, old })
	startWorkflow(t, temporaltest.Dial(t, server), "case-1", 0, status.ValueSet("open"))
	server.Stop()
	if err := server.Wait(); err != nil {
		t.Fatalf("after Stop: %v", err)
	}
	if wal, err := os.Stat(filepath.Join(dir, "temporal.db-wal")); err == nil && wal.Size() > 0 {
		t.Errorf("write-ahead log has %d bytes after Stop, want none", wal.Size())
	}

	server = temporaltest.Start(t, func(c *temporal.Config) {
		c.Dir, c.SearchAttributes, c.Retention = dir, searchAttributes(), 48*time.Hour
	})
	c := temporaltest.Dial(t, server)
	startWorker(t, c)
	awaitFound(t, c, "CaseStatus = 'closed' AND RefundedMinorUnits = 1999")

	namespace, err := c.WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: server.Namespace()})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != 48*time.Hour {
		t.Errorf("retention is %s, want 48h", got)
	}
}

func TestUI(t *testing.T) {
	server := temporaltest.Start(t, func(c *temporal.Config) { c.UIAddr = "127.0.0.1:0" })
	for path, want := range map[string]string{
		"/healthz":                   `"OK"`,
		"/":                          "<html",
		"/namespaces/aftercare":      "<html",
		"/api/v1/namespaces":         `"name":"aftercare"`,
		"/api/v1/settings":           `"DefaultNamespace":"aftercare"`,
		"/api/v1/namespaces/unknown": "not found",
	} {
		if body := get(t, "http://"+server.UIAddr()+path); !strings.Contains(strings.ReplaceAll(body, ": ", ":"), want) {
			t.Errorf("%s does not contain %s:\n%.300s", path, want, body)
		}
	}
	server.Stop()
	server.Stop()
	if _, err := net.Dial("tcp", server.UIAddr()); err == nil {
		t.Error("the UI still listens after Stop")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTakenPort(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := other.Addr().String()
	_, port, _ := net.SplitHostPort(addr)

	for name, cfg := range map[string]temporal.Config{
		"frontend": {InMemory: true, FrontendAddr: addr},
		"UI":       {InMemory: true, FrontendAddr: "127.0.0.1:0", UIAddr: addr},
	} {
		_, err = temporal.Start(t.Context(), cfg)
		var taken *temporal.PortTakenError
		if !errors.As(err, &taken) || taken.Addr != addr {
			t.Fatalf("%s: %v", name, err)
		}
		if want := "port " + port + " on 127.0.0.1 is taken"; err.Error() != want {
			t.Errorf("%s: error %q, want %q", name, err, want)
		}
	}
}

func TestSearchAttributesThatCannotBe(t *testing.T) {
	eleven := map[string]enums.IndexedValueType{}
	for _, name := range strings.Split("abcdefghijk", "") {
		eleven[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	for want, attributes := range map[string]map[string]enums.IndexedValueType{
		"no room for search attribute k": eleven,
		"RunId is a reserved name":       {"RunId": enums.INDEXED_VALUE_TYPE_KEYWORD},
	} {
		_, err := temporal.Start(t.Context(), temporal.Config{
			InMemory: true, FrontendAddr: "127.0.0.1:0", SearchAttributes: attributes,
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
