package process

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// probeTimeout is longer than a server takes for its checks.
const probeTimeout = 5 * time.Second

// probe asks an address, such as the program's own /readyz, and says by the exit code whether it is well. It is for
// engines that look after a container by a command in it, and an image of one file has no other.
func (p program) probe(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // whoever runs the program says where to
	if err != nil {
		return fail(p.stderr, p.name+" probe", err)
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // see above
	if err != nil {
		return fail(p.stderr, p.name+" probe", err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fail(p.stderr, p.name+" probe", fmt.Errorf("%s answers %s", url, response.Status))
	}
	return ExitOK
}
