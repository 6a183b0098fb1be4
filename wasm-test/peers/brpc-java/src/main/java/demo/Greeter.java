package demo;

import com.baidu.brpc.protocol.BrpcMeta;

/** The service of the tests. */
public interface Greeter {
    @BrpcMeta(serviceName = "demo.Greeter", methodName = "Echo")
    Text echo(Text request);

    @BrpcMeta(serviceName = "demo.Greeter", methodName = "Other")
    Text other(Text request);

    @BrpcMeta(serviceName = "demo.Greeter", methodName = "Silent")
    Text silent(Text request);

    @BrpcMeta(serviceName = "demo.Greeter", methodName = "Fail")
    Text fail(Text request);
}
