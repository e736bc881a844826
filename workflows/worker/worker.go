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
	forgetting "aftercare.dev/activities/personal"
	comparing "aftercare.dev/activities/sweep"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/freightclaim"
	"aftercare.dev/workflows/personal"
	"aftercare.dev/workflows/reconcile"
	"aftercare.dev/workflows/refund"
	"aftercare.dev/workflows/reopened"
	"aftercare.dev/workflows/returns"
	"aftercare.dev/workflows/sweep"
)

// Config is what a worker needs to know, from the environment.
type Config struct {
	OrderURL     string `env:"ORDER_URL" envDefault:"http://127.0.0.1:8081"`
	LogisticsURL string `env:"LOGISTICS_URL" envDefault:"http://127.0.0.1:8082"`
	PaymentURL   string `env:"PAYMENT_URL" envDefault:"http://127.0.0.1:8083"`
	CasesURL     string `env:"CASES_URL" envDefault:"http://127.0.0.1:8084"`
	// NotificationURL is only asked to forget.
	NotificationURL string        `env:"NOTIFICATION_URL" envDefault:"http://127.0.0.1:8085"`
	ServiceToken    config.Secret `env:"SERVICE_TOKEN"`
	// Queues are the task queues that this process works for. Money can have processes of its own, which are scaled,
	// limited and stopped apart.
	Queues []Queue `env:"WORKER_QUEUES" envDefault:"cases,money" validate:"min=1,unique,dive,oneof=cases money" form:"cases, money, or both with a comma between"`
	// DeploymentName and BuildID turn worker versioning on when both are set; the Temporal Worker Controller sets them.
	DeploymentName string `env:"TEMPORAL_DEPLOYMENT_NAME"`
	BuildID        string `env:"TEMPORAL_WORKER_BUILD_ID"`
	// StopTimeout is how long running activities may take to end when the process stops.
	StopTimeout time.Duration `env:"WORKER_STOP_TIMEOUT" envDefault:"20s"`
	// Activities bounds how many activities run at once on each queue.
	Activities int `env:"WORKER_MAX_ACTIVITIES" envDefault:"64"`
}

// Queue is a task queue as WORKER_QUEUES names it.
type Queue string

// The queues.
const (
	Cases Queue = "cases"
	Money Queue = "money"
)

// tasks is the name of the queue in Temporal.
func (q Queue) tasks() string {
	if q == Money {
		return contract.MoneyQueue
	}
	return contract.CasesQueue
}

// register registers the workflows of the queue.
func (q Queue) register(r Registry) {
	if q == Money {
		RegisterMoney(r)
		return
	}
	RegisterCases(r)
}

// Workers are the workers of the task queues of one process.
type Workers struct {
	queues  []Queue
	workers []worker.Worker
	// failed gets the error of a worker that gave up by itself.
	failed chan error
}

// New makes the workers. They share one client and one connection pool per service.
func New(c client.Client, cfg Config) (*Workers, error) {
	set, err := newActivities(cfg)
	if err != nil {
		return nil, err
	}
	w := &Workers{queues: cfg.Queues, failed: make(chan error, len(cfg.Queues))}
	for _, queue := range cfg.Queues {
		options := cfg.Options()
		options.OnFatalError = w.fail
		polling := worker.New(c, queue.tasks(), options)
		queue.register(polling)
		set.register(polling)
		w.workers = append(w.workers, polling)
	}
	return w, nil
}

func (w *Workers) fail(err error) {
	select {
	case w.failed <- err:
	default: // one is enough
	}
}

// Start begins to poll. It fails when Temporal is not there.
func (w *Workers) Start() error {
	for i, polling := range w.workers {
		if err := polling.Start(); err != nil {
			for _, started := range w.workers[:i] {
				started.Stop()
			}
			return fmt.Errorf("start the worker of %s: %w", w.queues[i].tasks(), err)
		}
	}
	return nil
}

// Stop takes no more tasks and waits for those that run, up to the stop timeout.
func (w *Workers) Stop() {
	var stopping sync.WaitGroup
	for _, polling := range w.workers {
		stopping.Go(polling.Stop)
	}
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
	r.RegisterWorkflowWithOptions(reopened.Reopened, workflow.RegisterOptions{
		Name: contract.ReopenedWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(reconcile.Reconcile, workflow.RegisterOptions{
		Name: contract.ReconcileWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(freightclaim.FreightClaim, workflow.RegisterOptions{
		Name: contract.FreightClaimWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(sweep.Sweep, workflow.RegisterOptions{
		Name: contract.SweepWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(personal.EraseBuyer, workflow.RegisterOptions{
		Name: contract.EraseBuyerWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(personal.Retention, workflow.RegisterOptions{
		Name: contract.RetentionWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}

// RegisterMoney registers the workflows of the money queue.
func RegisterMoney(r Registry) {
	r.RegisterWorkflowWithOptions(refund.Refund, workflow.RegisterOptions{
		Name: contract.RefundWorkflow, VersioningBehavior: workflow.VersioningBehaviorPinned,
	})
}

// Options are those that the workers run with, but for who hears that one gave up.
func (cfg Config) Options() worker.Options {
	options := worker.Options{
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
	sweep     *comparing.Activities
	personal  *forgetting.Activities
}

func newActivities(cfg Config) (*activities, error) {
	at := func(url string) httpclient.Options {
		return httpclient.Options{BaseURL: url, Token: cfg.ServiceToken, Timeout: 9 * time.Second}
	}
	var (
		a    activities
		errs [6]error
	)
	a.order, errs[0] = order.New(at(cfg.OrderURL))
	a.logistics, errs[1] = logistics.New(at(cfg.LogisticsURL))
	a.payment, errs[2] = payment.New(at(cfg.PaymentURL))
	a.cases, errs[3] = cases.New(at(cfg.CasesURL))
	a.sweep, errs[4] = comparing.New(at(cfg.CasesURL), at(cfg.PaymentURL))
	a.personal, errs[5] = forgetting.New(forgetting.Addresses{
		Order: at(cfg.OrderURL), Logistics: at(cfg.LogisticsURL), Cases: at(cfg.CasesURL), Notification: at(cfg.NotificationURL),
	})
	return &a, errors.Join(errs[:]...)
}

func (a *activities) register(r worker.Registry) {
	r.RegisterActivityWithOptions(a.order, activity.RegisterOptions{Name: order.Prefix})
	r.RegisterActivityWithOptions(a.logistics, activity.RegisterOptions{Name: logistics.Prefix})
	r.RegisterActivityWithOptions(a.payment, activity.RegisterOptions{Name: payment.Prefix})
	r.RegisterActivityWithOptions(a.cases, activity.RegisterOptions{Name: cases.Prefix})
	r.RegisterActivityWithOptions(a.sweep, activity.RegisterOptions{Name: comparing.Prefix})
	r.RegisterActivityWithOptions(a.personal, activity.RegisterOptions{Name: forgetting.Prefix})
}
