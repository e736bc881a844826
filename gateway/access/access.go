package access

import (
	"context"
	"slices"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// Caller is a principal in the role in which it does one operation.
type Caller struct {
	Principal
	// Role is the role that permits the operation; the widest one if several do.
	Role contract.Role
}

// Actor is the caller as timelines name it.
func (c Caller) Actor() contract.Actor { return contract.Actor{Role: c.Role, ID: c.Subject} }

// Confined tells that the caller sees only what is theirs, as a buyer.
func (c Caller) Confined() bool { return c.Role == contract.Buyer }

// Staff tells that the caller works for the merchant and sees what is not for buyers. A storefront shows what it gets to
// buyers, so it is none.
func (c Caller) Staff() bool { return c.Role != contract.Buyer && c.Role != contract.Storefront }

// Owner is the buyer whose rows alone exist for the caller, or nil when all of the merchant do. It goes into every query
// of a service.
func (c Caller) Owner() *string {
	if !c.Confined() {
		return nil
	}
	owner := c.Subject
	return &owner
}

// Authorize finds the role in which the principal may do the operation. Without one the answer is 403 forbidden, also
// for an operation that the table does not have.
func Authorize(p Principal, operation string) (Caller, error) {
	for _, role := range byReach {
		if slices.Contains(p.Roles, string(role)) && slices.Contains(table[operation], role) {
			return Caller{Principal: p, Role: role}, nil
		}
	}
	return Caller{}, problem.Forbidden(problem.CodeForbidden, "none of the roles of this token may do this").With("allowed_roles", rolesFor(operation))
}

func rolesFor(operation string) []string {
	roles := []string{}
	for _, role := range table[operation] {
		roles = append(roles, string(role))
	}
	return roles
}

type callerKey struct{}

// Into keeps the caller in the context.
func Into(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From is the caller that the request was authorized for. Without one it is the zero Caller, to whom no merchant
// belongs.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
