package temporal

import (
	"fmt"
	"slices"
)

// Tuning is by which settings of the dynamic configuration the server differs from its defaults. Those of rate limits are
// left out: there are none.
func Tuning() map[string]string {
	limits := rateLimits()
	tuning := map[string]string{}
	for key, value := range dynamicConfig() {
		if !slices.Contains(limits, key) {
			tuning[key.String()] = fmt.Sprint(value)
		}
	}
	return tuning
}
