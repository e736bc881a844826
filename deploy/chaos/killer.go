package chaos

import (
	"context"
	"fmt"
	"time"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/split"
)

// recovery is how long a house may take to be ready again.
const recovery = 3 * time.Minute

// killAll carries out the plan until ctx ends, and returns when everything is up again.
func (r *runner) killAll(ctx context.Context) {
	begun := time.Now()
	supervisor := r.house.Supervise(ctx)
	for _, blow := range Plan(r.Seed, r.Length, r.names()) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begun.Add(blow.At))):
			r.strike(ctx, supervisor, blow)
		}
	}
	<-ctx.Done()
	r.recover(ctx, supervisor)
	if err := supervisor.Stop(); err != nil {
		r.find(audit.Wrong, "process", "", err.Error())
	}
	for _, d := range supervisor.Deaths() {
		if !d.Killed {
			r.find(audit.Wrong, "process", d.Process, "it ended by itself: "+d.String())
			continue
		}
		r.died(d.Process)
	}
}

// strike is one blow: kill, wait until the victims are back, perhaps kill once more as they come up.
func (r *runner) strike(ctx context.Context, supervisor *split.Supervisor, blow Kill) {
	r.Log.Info("kill", "victims", blow.Victims, "again", blow.Again)
	times := 1
	if blow.Again {
		times = 2
	}
	for range times {
		database := false
		for _, name := range blow.Victims {
			if err := r.kill(supervisor, name, blow.Down); err != nil {
				r.find(audit.Wrong, "process", name, err.Error())
			}
			database = database || name == mysql
		}
		time.Sleep(blow.Down)
		if database {
			if err := r.bootDatabase(context.WithoutCancel(ctx)); err != nil {
				r.find(audit.Wrong, "process", mysql, err.Error())
			}
		}
		// Long enough to be on the way up, and not yet there.
		time.Sleep(blow.Down / 2)
	}
	r.recover(ctx, supervisor)
}

// bootDatabase starts the database server. A connection may have its port by chance, for a while.
func (r *runner) bootDatabase(ctx context.Context) error {
	for begun := time.Now(); ; {
		err := r.house.BootMySQL(ctx)
		if err == nil || r.house.MySQL.PID() != 0 || time.Since(begun) > recovery {
			return err
		}
		time.Sleep(time.Second)
	}
}

func (r *runner) kill(supervisor *split.Supervisor, name string, down time.Duration) error {
	if name != mysql {
		return supervisor.Kill(name, down)
	}
	if r.house.MySQL.PID() != 0 {
		r.died(mysql)
	}
	return r.house.MySQL.Kill()
}

// died counts a process that was killed. One that is down already is not killed again.
func (r *runner) died(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Kills++
	r.report.Killed[name]++
}

// recover waits until the house is whole again.
func (r *runner) recover(ctx context.Context, supervisor *split.Supervisor) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), recovery)
	defer stop()
	if err := supervisor.WaitReady(ctx); err != nil {
		r.find(audit.Stuck, "process", "", fmt.Sprintf("the house does not come back: %v", err))
	}
}
