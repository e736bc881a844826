package personal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/fault"
	forgetting "aftercare.dev/activities/personal"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/personal"
)

var (
	ref   = contract.BuyerRef{MerchantID: "m1", BuyerID: "b1"}
	buyer = forgetting.Buyer{MerchantID: "m1", BuyerID: "b1"}
)

func environment(t *testing.T) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivityWithOptions(&forgetting.Activities{}, activity.RegisterOptions{Name: forgetting.Prefix})
	env.RegisterWorkflow(personal.EraseBuyer)
	env.RegisterWorkflow(personal.Retention)
	return env
}

func on(env *testsuite.TestWorkflowEnvironment, name string, in any, rows int64) *testsuite.MockCallWrapper {
	return env.OnActivity(forgetting.Prefix+name, mock.Anything, in).Return(forgetting.Dropped{Rows: rows}, nil)
}

func TestABuyerIsForgottenByEveryService(t *testing.T) {
	env := environment(t)
	on(env, "ForgetCases", buyer, 3).Once()
	on(env, "ForgetOrders", buyer, 2).Once()
	on(env, "ForgetMessages", buyer, 5).Once()
	env.OnActivity(forgetting.Prefix+"Finish", mock.Anything, buyer).Return(nil).Once()
	env.ExecuteWorkflow(personal.EraseBuyer, ref)
	require.NoError(t, env.GetWorkflowError())
	var erased personal.Erased
	require.NoError(t, env.GetWorkflowResult(&erased))
	require.Equal(t, personal.Erased{Cases: 3, Orders: 2, Messages: 5}, erased)
	env.AssertExpectations(t)
}

func TestAnErasureThatWasAcceptedWaitsForACaseThatWasOpenedMeanwhile(t *testing.T) {
	env := environment(t)
	refused := temporal.NewNonRetryableApplicationError("buyer_has_open_cases", fault.Conflicting, nil, fault.Reason{Code: "buyer_has_open_cases"})
	env.OnActivity(forgetting.Prefix+"ForgetCases", mock.Anything, buyer).Return(forgetting.Dropped{}, refused).Times(30)
	on(env, "ForgetCases", buyer, 1).Once()
	on(env, "ForgetOrders", buyer, 1).Once()
	on(env, "ForgetMessages", buyer, 1).Once()
	env.OnActivity(forgetting.Prefix+"Finish", mock.Anything, buyer).Return(nil).Once()
	began := env.Now()
	env.ExecuteWorkflow(personal.EraseBuyer, ref)
	require.NoError(t, env.GetWorkflowError())
	require.GreaterOrEqual(t, env.Now().Sub(began), 30*time.Hour)
	env.AssertExpectations(t)
}

func TestAServiceThatFailsDoesNotKeepTheOthersFromRetention(t *testing.T) {
	env := environment(t)
	for _, service := range forgetting.Services {
		if service == forgetting.Notification {
			env.OnActivity(forgetting.Prefix+"Retain", mock.Anything, service).
				Return(forgetting.Dropped{}, temporal.NewNonRetryableApplicationError("no", fault.Refused, errors.New("no")))
			continue
		}
		on(env, "Retain", service, 4).Once()
	}
	env.ExecuteWorkflow(personal.Retention)
	require.Error(t, env.GetWorkflowError(), "whoever looks at Temporal sees that it failed")
	env.AssertExpectations(t)
}
