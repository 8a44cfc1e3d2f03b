//! With what a call was made, and where that ran: the user agent, in words.

use super::super::call::ApiCall;
use super::services::service_actor;

/// The more telling name first: Terraform, Pulumi and the like stand on an SDK that names itself too.
const KNOWN: [(&str, &str); 41] = [
    ("Terraform/", "Terraform"),
    ("HashiCorp Terraform", "Terraform"),
    ("OpenTofu", "OpenTofu"),
    ("Pulumi", "Pulumi"),
    ("cloudformation.amazonaws.com", "CloudFormation"),
    ("configure-aws-credentials-for-github-actions", "GitHub Actions"),
    ("aws-cdk", "AWS CDK"),
    ("copilot", "AWS Copilot"),
    ("ecspresso", "ecspresso"),
    ("ecsta", "ecsta"),
    ("e1s/", "e1s"),
    ("Spinnaker", "Spinnaker"),
    ("spinnaker", "Spinnaker"),
    ("codedeploy.amazonaws.com", "CodeDeploy"),
    ("codepipeline.amazonaws.com", "CodePipeline"),
    ("codebuild.amazonaws.com", "CodeBuild"),
    ("Ansible", "Ansible"),
    ("ansible", "Ansible"),
    ("Jenkins", "Jenkins"),
    ("jenkins", "Jenkins"),
    ("Datadog", "Datadog"),
    ("datadog", "Datadog"),
    ("Airflow", "Airflow"),
    ("aws-cli", "aws-cli"),
    ("AWSPowerShell", "AWS Tools for PowerShell"),
    ("Boto3", "Boto3"),
    ("Botocore", "Botocore"),
    ("aws-sdk-go-v2", "AWS SDK for Go"),
    ("aws-sdk-go", "AWS SDK for Go"),
    ("aws-sdk-java", "AWS SDK for Java"),
    ("aws-sdk-kotlin", "AWS SDK for Kotlin"),
    ("aws-sdk-nodejs", "AWS SDK for JavaScript"),
    ("aws-sdk-js", "AWS SDK for JavaScript"),
    ("aws-sdk-rust", "AWS SDK for Rust"),
    ("aws-sdk-dotnet", "AWS SDK for .NET"),
    ("aws-sdk-php", "AWS SDK for PHP"),
    ("aws-sdk-ruby", "AWS SDK for Ruby"),
    ("aws-sdk-cpp", "AWS SDK for C++"),
    ("aws-sdk-swift", "AWS SDK for Swift"),
    ("Amazon ECS Agent", "ECS agent"),
    ("SpotInst", "Spot by NetApp"),
];

/// The program that made the call, from its user agent: `console`, `aws-cli 2.24.10`, `Terraform 1.9.5`.
#[must_use]
pub fn tool(call: &ApiCall) -> Option<String> {
    let agent = call.user_agent.as_deref()?;
    if call.from_console || agent.starts_with("Mozilla/") || agent.contains("console.amazonaws.com") || agent.contains("signin.amazonaws.com") {
        return Some("console".to_owned());
    }
    for (mark, name) in KNOWN {
        if let Some(at) = agent.find(mark) {
            return Some(version_behind(&agent[at + mark.trim_end_matches('/').len()..]).map_or_else(|| name.to_owned(), |version| format!("{name} {version}")));
        }
    }
    if agent == "AWS Internal" || agent.ends_with(".amazonaws.com") {
        return Some(service_actor(agent).name);
    }
    Some(agent.split_whitespace().next().unwrap_or(agent).to_owned())
}

/// The version that follows a program's name: behind `/`, `#`, a blank or a `v`, after what its variant is called
/// (`aws-sdk-dotnet-coreclr/3.7`, `aws-sdk-ruby3/3.191`).
fn version_behind(rest: &str) -> Option<String> {
    let variant = rest.find(['/', ' ', '#']).unwrap_or(rest.len());
    let version = rest[variant..].trim_start_matches(['/', ' ', '#']);
    let version: String = version.strip_prefix('v').unwrap_or(version).chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.').collect();
    version.starts_with(|letter: char| letter.is_ascii_digit()).then_some(version)
}

/// Where the program ran, as far as its user agent tells: `in a Fargate task`.
#[must_use]
pub fn place(call: &ApiCall) -> Option<&'static str> {
    let (_, place) = call.user_agent.as_deref()?.split_once("exec-env/")?;
    [
        ("AWS_ECS_FARGATE", "in a Fargate task"),
        ("AWS_ECS_", "in an ECS task"),
        ("AWS_Lambda", "in a Lambda function"),
        ("CloudShell", "in CloudShell"),
        ("AWS_CODEBUILD", "in a CodeBuild build"),
        ("EC2", "on an EC2 instance"),
    ]
    .into_iter()
    .find(|(mark, _)| place.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark)))
    .map(|(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(agent: &str) -> ApiCall {
        ApiCall { user_agent: Some(agent.into()), ..ApiCall::default() }
    }

    #[test]
    fn the_tool_is_read_from_the_user_agent() {
        for (agent, told) in [
            ("aws-cli/2.24.10 md/awscrt", "aws-cli 2.24.10"),
            ("aws-cli/1.44.78 md/Botocore#1.42.88 ua/2.1 botocore/1.42.88", "aws-cli 1.44.78"),
            ("APN/1.0 HashiCorp/1.0 Terraform/1.9.5 aws-sdk-go-v2/1.30", "Terraform 1.9.5"),
            ("APN/1.0 OpenTofu/1.8.2 (+https://www.opentofu.org) aws-sdk-go-v2/1.30", "OpenTofu 1.8.2"),
            ("Mozilla/5.0 (Macintosh)", "console"),
            ("Boto3/1.37.0 md/Botocore#1.37.0", "Boto3 1.37.0"),
            ("aws-sdk-go-v2/1.30.3 ua/2.1 os/linux lang/go#1.22.5", "AWS SDK for Go 1.30.3"),
            ("aws-sdk-java/2.20.162 Linux/5.10", "AWS SDK for Java 2.20.162"),
            ("aws-sdk-js/3.600.0 ua/2.1 os/linux", "AWS SDK for JavaScript 3.600.0"),
            ("aws-sdk-nodejs/2.1400.0 linux/v18", "AWS SDK for JavaScript 2.1400.0"),
            ("aws-sdk-rust/1.3.3 os/linux lang/rust/1.80.0", "AWS SDK for Rust 1.3.3"),
            ("aws-sdk-dotnet-coreclr/3.7.300.0 .NET/8", "AWS SDK for .NET 3.7.300.0"),
            ("aws-sdk-php/3.300.0 OS/Linux", "AWS SDK for PHP 3.300.0"),
            ("aws-sdk-ruby3/3.191.0 ua/2.0", "AWS SDK for Ruby 3.191.0"),
            ("aws-copilot-cli/v1.34.0 aws-sdk-go/1.51", "AWS Copilot 1.34.0"),
            ("cloudformation.amazonaws.com", "CloudFormation"),
            ("states.amazonaws.com", "Step Functions"),
            ("AWS Internal", "AWS Internal"),
            ("my-tool/3", "my-tool/3"),
        ] {
            assert_eq!(tool(&by(agent)).as_deref(), Some(told), "{agent}");
        }
        assert_eq!(tool(&ApiCall::default()), None);
    }

    #[test]
    fn where_the_program_ran_is_read_from_the_user_agent() {
        assert_eq!(place(&by("Boto3/1.38 exec-env/AWS_ECS_FARGATE m/b")), Some("in a Fargate task"));
        assert_eq!(place(&by("Boto3/1.38 exec-env/AWS_Lambda_python3.12 Botocore/1")), Some("in a Lambda function"));
        assert_eq!(place(&by("aws-cli/2.15 exec-env/CloudShell")), Some("in CloudShell"));
        assert_eq!(place(&by("aws-cli/2.15 exec-env/é")), None);
    }
}
