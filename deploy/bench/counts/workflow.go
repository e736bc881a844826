package counts

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"

	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/workflows/contract"
)

// Workflow is what the server keeps of a workflow, and what Temporal Cloud would bill, see [twin.Actions] and
// [twin.Straightforward].
type Workflow struct {
	Events int `json:"events"`
	// Bytes are those of the history as the server counts them, without who wrote an event and how many the server had
	// written before: the one has the name of the machine, dozens of times, the other grows with the age of the server.
	Bytes           int `json:"bytes"`
	Transitions     int `json:"transitions"`
	Actions         int `json:"actions"`
	Straightforward int `json:"straightforward_actions"`
}

func (w Workflow) plus(o Workflow) Workflow {
	return Workflow{
		Events: w.Events + o.Events, Bytes: w.Bytes + o.Bytes, Transitions: w.Transitions + o.Transitions,
		Actions: w.Actions + o.Actions, Straightforward: w.Straightforward + o.Straightforward,
	}
}

// count counts the workflow of a case and those that it started when all of them have ended.
func (h *House) count(ctx context.Context, cost *Cost, merchantID, caseID string) error {
	id := contract.CaseWorkflowID(merchantID, caseID)
	if err := h.ended(ctx, id); err != nil {
		return err
	}
	all, err := twin.Histories(ctx, h.temporal, id)
	if err != nil {
		return err
	}
	for _, child := range all[1:] {
		if err := h.ended(ctx, child.WorkflowID); err != nil {
			return err
		}
	}
	if all, err = twin.Histories(ctx, h.temporal, id); err != nil {
		return err
	}
	cost.Children = map[string]Workflow{}
	for i, one := range all {
		chance, err := incidental(one.Events)
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", one.WorkflowID, err)
		}
		w := Workflow{
			Events: len(one.Events), Bytes: int(one.Bytes) - chance, Transitions: int(one.Transitions),
			Actions: twin.Actions(one.Events), Straightforward: twin.Straightforward(one.Events),
		}
		if i == 0 {
			cost.Parent = w
			continue
		}
		cost.Children[one.Type] = cost.Children[one.Type].plus(w)
	}
	return nil
}

// incidental are the bytes of all that says in a history which process wrote it, and which task of the server.
func incidental(events []*history.HistoryEvent) (bytes int, err error) {
	for _, event := range events {
		bytes += protowire.SizeVarint(uint64(event.GetTaskId()))
		err := protorange.Range(event.ProtoReflect(), func(at protopath.Values) error {
			last := at.Index(-1)
			if field := last.Step.FieldDescriptor; last.Step.Kind() == protopath.FieldAccessStep && field().Name() == "identity" {
				bytes += len(last.Value.String())
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return bytes, nil
}

// ended waits for the end of a workflow, whatever it is.
func (h *House) ended(ctx context.Context, id string) error {
	err := h.temporal.GetWorkflow(ctx, id, "").Get(ctx, nil)
	var otherwise *temporal.WorkflowExecutionError
	if err != nil && !errors.As(err, &otherwise) {
		return fmt.Errorf("wait for workflow %s: %w", id, err)
	}
	return nil
}
