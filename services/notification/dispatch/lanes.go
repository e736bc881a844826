package dispatch

import (
	"sync"
	"time"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/store"
)

const (
	// perLane is how many attempts one endpoint, or the mail server, gets at a time.
	perLane = 4
	// perFailingLane is the same after a failure: one that hangs must not take four places.
	perFailingLane = 1
	// total bounds all attempts of the process.
	total = 256
	// maxPause bounds how long a lane rests because it asked for it.
	maxPause = time.Hour
)

// lane is where attempts queue behind each other: each endpoint is one, and all e-mail is one. Lanes do
// not wait for each other, so that a slow receiver holds up nobody but itself.
type lane struct {
	channel  domain.Channel
	endpoint string // only for webhooks
}

func laneOf(channel domain.Channel, targetID string) lane {
	if channel == domain.ChannelWebhook {
		return lane{channel, targetID}
	}
	return lane{channel: channel}
}

type laneState struct {
	running int
	failing bool
	rest    time.Time // until then nothing is sent
}

// lanes knows how busy each lane is in this process. Lanes at ease are not kept.
type lanes struct {
	mu      sync.Mutex
	now     func() time.Time
	known   map[lane]*laneState
	running int
}

func newLanes(now func() time.Time) *lanes {
	return &lanes{now: now, known: map[lane]*laneState{}}
}

// places is how many more attempts the lane takes now.
func (s *laneState) places(now time.Time) int {
	switch {
	case s.rest.After(now):
		return 0
	case s.failing:
		return perFailingLane - s.running
	}
	return perLane - s.running
}

// full returns the lanes that take nothing now, and how many attempts are free in all.
func (l *lanes) full() (endpoints []string, channels []domain.Channel, free int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for lane, state := range l.known {
		switch {
		case state.places(now) > 0:
		case lane.endpoint != "":
			endpoints = append(endpoints, lane.endpoint)
		default:
			channels = append(channels, lane.channel)
		}
	}
	return endpoints, channels, total - l.running
}

// take occupies a place for as many of the deliveries as there are places, in their order.
func (l *lanes) take(due []store.Due) []store.Due {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var picked []store.Due
	for _, d := range due {
		if l.running >= total {
			break
		}
		key := laneOf(d.Channel, d.TargetID)
		state := l.known[key]
		if state == nil {
			state = &laneState{}
			l.known[key] = state
		}
		if state.places(now) <= 0 {
			continue
		}
		state.running++
		l.running++
		picked = append(picked, d)
	}
	return picked
}

// learn remembers what an attempt tells of the lane.
func (l *lanes) learn(key lane, r domain.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.known[key]
	switch {
	case r.Verdict == domain.Delivered:
		state.failing, state.rest = false, time.Time{}
	case r.Verdict == domain.Retry && r.CountsAgainst():
		state.failing = true
		if r.RetryAfter > 0 {
			state.rest = l.now().Add(min(r.RetryAfter, maxPause))
		}
	}
}

// leave gives a place back.
func (l *lanes) leave(key lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.known[key]
	state.running--
	l.running--
	if state.running == 0 && !state.failing && !state.rest.After(l.now()) {
		delete(l.known, key)
	}
}
