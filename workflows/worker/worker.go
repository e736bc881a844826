// Package worker runs the workflows and activities: the one registry of what exists.
package worker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/activities/order"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/freightclaim"
	"aftercare.dev/workflows/refund"
	"aftercare.dev/workflows/returns"
)

// Config is what a worker needs to know, from the environment.
type Config struct {
	OrderURL     string        `env:"ORDER_URL" envDefault:"http://127.0.0.1:8081"`
	LogisticsURL string        `env:"LOGISTICS_URL" envDefault:"http://127.0.0.1:8082"`
	PaymentURL   string        `env:"PAYMENT_URL" envDefault:"http://127.0.0.1:8083"`
	CasesURL     string        `env:"CASES_URL" envDefault:"http://127.0.0.1:8084"`
	ServiceToken config.Secret `env:"SERVICE_TOKEN"`
	// DeploymentName and BuildID turn worker versioning on when both are set; the Temporal Worker Controller sets them.
	DeploymentName string `env:"TEMPORAL_DEPLOYMENT_NAME"`
	BuildID        string `env:"TEMPORAL_WORKER_BUILD_ID"`
	// StopTimeout is how long running activities may take to end when the process stops.
	StopTimeout time.Duration `env:"WORKER_STOP_TIMEOUT" envDefault:"20s"`
	// Activities bounds how many activities run at once on each queue.
	Activities int `env:"WORKER_MAX_ACTIVITIES" envDefault:"64"`
}

// Workers are the workers of both task queues.
type Workers struct {
	cases, money worker.Worker
	// failed gets the error of a worker that gave up by itself.
	failed chan error
}

// New makes the workers. They share one client and one connection pool per service.
func New(c client.Client, cfg Config) (*Workers, error) {
	set, err := newActivities(cfg)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 2)
	w := &Workers{
		cases:  worker.New(c, contract.CasesQueue, cfg.options(failed)),
		money:  worker.New(c, contract.MoneyQueue, cfg.options(failed)),
		failed: failed,
	}
	RegisterCases(w.cases)
	RegisterMoney(w.money)
	set.register(w.cases)
	set.register(w.money)
	return w, nil
}

// Start begins to poll. It fails when Temporal is not there.
func (w *Workers) Start() error {
	if err := w.cases.Start(); err != nil {
		return fmt.Errorf("start the worker of %s: %w", contract.CasesQueue, err)
	}
	if err := w.money.Start(); err != nil {
		w.cases.Stop()
		return fmt.Errorf("start the worker of %s: %w", contract.MoneyQueue, err)
	}
	return nil
}

// Stop takes no more tasks and waits for those that run, up to the stop timeout.
func (w *Workers) Stop() {
	var stopping sync.WaitGroup
	stopping.Go(w.cases.Stop)
	stopping.Go(w.money.Stop)
	stopping.Wait()
}

// Registry is what workflows are registered with: a worker, a replayer or a test environment.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// RegisterCases registers the workflows of the cases queue. A case lives for weeks and goes on with each new version
// (auto-upgrade, kept safe by GetVersion and replay tests); a refund is short and ends where it began.
func RegisterCases(r Registry) {
	r.RegisterWorkflowWithOptions(returns.Return, workflow.RegisterOptions{
		Name: contract.ReturnWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(freightclaim.FreightClaim, workflow.RegisterOptions{
		Name: contract.FreightClaimWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}

// RegisterMoney registers the workflows of the money queue.
func RegisterMoney(r Registry) {
	r.RegisterWorkflowWithOptions(refund.Refund, workflow.RegisterOptions{
		Name: contract.RefundWorkflow, VersioningBehavior: workflow.VersioningBehaviorPinned,
	})
}

func (cfg Config) options(failed chan<- error) worker.Options {
	options := worker.Options{
		OnFatalError: func(err error) {
			select {
			case failed <- err:
			default: // one is enough
			}
		},
		WorkerStopTimeout:                       cfg.StopTimeout,
		MaxConcurrentActivityExecutionSize:      cfg.Activities,
		MaxConcurrentLocalActivityExecutionSize: cfg.Activities,
		WorkflowTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	}
	if cfg.DeploymentName != "" && cfg.BuildID != "" {
		options.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true,
			Version:       worker.WorkerDeploymentVersion{DeploymentName: cfg.DeploymentName, BuildID: cfg.BuildID},
		}
	}
	return options
}

// activities are the typed callers of the services.
type activities struct {
	order     *order.Activities
	logistics *logistics.Activities
	payment   *payment.Activities
	cases     *cases.Activities
}

func newActivities(cfg Config) (*activities, error) {
	at := func(url string) httpclient.Options {
		return httpclient.Options{BaseURL: url, Token: cfg.ServiceToken, Timeout: 9 * time.Second}
	}
	var (
		a    activities
		errs [4]error
	)
	a.order, errs[0] = order.New(at(cfg.OrderURL))
	a.logistics, errs[1] = logistics.New(at(cfg.LogisticsURL))
	a.payment, errs[2] = payment.New(at(cfg.PaymentURL))
	a.cases, errs[3] = cases.New(at(cfg.CasesURL))
	return &a, errors.Join(errs[:]...)
}

func (a *activities) register(r worker.Registry) {
	r.RegisterActivityWithOptions(a.order, activity.RegisterOptions{Name: order.Prefix})
	r.RegisterActivityWithOptions(a.logistics, activity.RegisterOptions{Name: logistics.Prefix})
	r.RegisterActivityWithOptions(a.payment, activity.RegisterOptions{Name: payment.Prefix})
	r.RegisterActivityWithOptions(a.cases, activity.RegisterOptions{Name: cases.Prefix})
}
