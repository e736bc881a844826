// Package setup prepares Temporal for Aftercare: the namespace, the search attributes and the schedules. It can run any
// number of times, also several at once, and changes only what is not as it should be.
package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/workflows/contract"
)

// Config says what to prepare, from the environment.
type Config struct {
	// Namespace makes the namespace if it is not there. On a shared cluster somebody else does.
	Namespace bool `env:"SETUP_NAMESPACE" envDefault:"false"`
	// Retention is how long the namespace keeps closed workflows; it is not changed once the namespace is there.
	Retention time.Duration `env:"SETUP_RETENTION" envDefault:"720h" validate:"min=24h"`
	// Reconcile is when the provider's bills are compared with the refunds, as a cron expression in UTC, or in another zone
	// with CRON_TZ=zone before it. WeChat Pay makes the bill of a day by 10:00 of the next, China Standard Time.
	Reconcile string `env:"RECONCILE_SCHEDULE" envDefault:"30 2 * * *"`
	// Patience is how long to wait for Temporal to answer, and then for it to know what was made.
	Patience time.Duration `env:"SETUP_PATIENCE" envDefault:"2m" validate:"min=1s"`
}

// pause is between two looks at something that is awaited.
const pause = 500 * time.Millisecond

// Run prepares the namespace of the client and returns when workers and gateways can start.
func Run(ctx context.Context, c client.Client, namespace string, cfg Config, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Patience)
	defer cancel()
	s := setup{client: c, namespace: namespace, cfg: cfg, log: log}
	if err := s.ensureNamespace(ctx); err != nil {
		return err
	}
	if err := s.ensureAttributes(ctx); err != nil {
		return err
	}
	if err := s.awaitAttributes(ctx); err != nil {
		return err
	}
	if err := Schedules(ctx, c, cfg); err != nil {
		return err
	}
	log.Info("Temporal is ready for Aftercare", "namespace", namespace)
	return nil
}

type setup struct {
	client    client.Client
	namespace string
	cfg       Config
	log       *slog.Logger
}

// ensureNamespace waits until the namespace answers, and makes it if it may.
func (s setup) ensureNamespace(ctx context.Context) error {
	return s.await(ctx, "answer", func() (bool, error) {
		_, err := s.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.namespace})
		var missing *serviceerror.NamespaceNotFound
		switch {
		case err == nil:
			return true, nil
		case !errors.As(err, &missing):
			return false, passing(err)
		case !s.cfg.Namespace:
			return false, &config.Error{Variable: "SETUP_NAMESPACE", Sentence: fmt.Sprintf(
				"there is no namespace %s: make it, set TEMPORAL_NAMESPACE to one that is there, or set SETUP_NAMESPACE=true to have it made", s.namespace)}
		}
		_, err = s.client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: s.namespace, Description: "Aftercare", WorkflowExecutionRetentionPeriod: durationpb.New(s.cfg.Retention),
		})
		var exists *serviceerror.NamespaceAlreadyExists
		if err == nil {
			s.log.Info("namespace made", "namespace", s.namespace, "retention", s.cfg.Retention.String())
		}
		if errors.As(err, &exists) {
			err = nil
		}
		return false, passing(err)
	})
}

// ensureAttributes adds the search attributes that are missing.
func (s setup) ensureAttributes(ctx context.Context) error {
	return s.await(ctx, "have the search attributes", func() (bool, error) {
		known, err := s.client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.namespace})
		if err != nil {
			return false, passing(err)
		}
		missing, err := missing(s.namespace, known)
		if err != nil || len(missing) == 0 {
			return err == nil, err
		}
		_, err = s.client.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: s.namespace, SearchAttributes: missing,
		})
		var exists *serviceerror.AlreadyExists
		if err == nil {
			s.log.Info("search attributes added", "namespace", s.namespace, "count", len(missing))
		}
		if errors.As(err, &exists) {
			err = nil
		}
		return false, passing(err)
	})
}

// missing are the search attributes that the namespace does not have. One of another type cannot be mended here.
func missing(namespace string, known *operatorservice.ListSearchAttributesResponse) (map[string]enums.IndexedValueType, error) {
	wanted := map[string]enums.IndexedValueType{}
	for _, key := range contract.Attributes() {
		name := key.GetName()
		has, there := known.GetCustomAttributes()[name]
		switch {
		case !there:
			wanted[name] = key.GetValueType()
		case has != key.GetValueType():
			return nil, fmt.Errorf("search attribute %s of namespace %s is a %s and must be a %s: "+
				"remove it there if nothing else uses it, or give Aftercare a namespace of its own", name, namespace, has, key.GetValueType())
		}
	}
	return wanted, nil
}

// awaitAttributes asks for each search attribute until the server knows it wherever it is asked.
func (s setup) awaitAttributes(ctx context.Context) error {
	conditions := make([]string, 0, len(contract.Attributes()))
	for _, key := range contract.Attributes() {
		conditions = append(conditions, key.GetName()+" IS NOT NULL")
	}
	query := strings.Join(conditions, " AND ")
	// A cluster has several frontends, each with a memory of its own.
	inRow, enough := 0, 3
	return s.await(ctx, "find by the search attributes", func() (bool, error) {
		_, err := s.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: s.namespace, Query: query})
		var unknown *serviceerror.InvalidArgument
		if err != nil {
			inRow = 0
			if errors.As(err, &unknown) {
				return false, nil
			}
			return false, passing(err)
		}
		inRow++
		return inRow >= enough, nil
	})
}

// await asks again and again until it is done, fails, or the time is over.
func (s setup) await(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("temporal did not %s within SETUP_PATIENCE (%s): is it up, and is TEMPORAL_ADDRESS right?", what, s.cfg.Patience)
		}
	}
}

// passing is nil for an error that may be gone with the next try.
func passing(err error) error {
	var (
		unavailable *serviceerror.Unavailable
		exhausted   *serviceerror.ResourceExhausted
		deadline    *serviceerror.DeadlineExceeded
		missing     *serviceerror.NamespaceNotFound
	)
	if errors.As(err, &unavailable) || errors.As(err, &exhausted) || errors.As(err, &deadline) || errors.As(err, &missing) ||
		errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
